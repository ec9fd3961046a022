// Choosing: every change goes through `choose`, can be undone, and leaves a picture in each group.

const steps = [];
const storeKey = `imgvec report ${plan.id}`;
let hasUnsaved = false;

class Refusal extends Error {}

// Gives pictures new choices ([member, choice] pairs) as one step; throws a Refusal, with nothing changed, when a
// group would lose its last picture.
function choose(changes, isReviewed) {
  const before = changes.map(([member]) => [member, member.choice]);
  const touched = new Set(changes.map(([member]) => member.group));
  const reviews = [...touched].map(group => [group, group.isReviewed]);
  for (const [member, choice] of changes) member.choice = choice;
  try {
    for (const group of touched) check(group);
  } catch (refusal) {
    for (const [member, choice] of before) member.choice = choice;
    throw refusal;
  }
  if (isReviewed !== undefined) for (const group of touched) group.isReviewed = isReviewed;
  steps.push({ before, reviews });
  hasUnsaved = true;
  changed(touched);
}

function check(group) {
  const removed = group.members.filter(member => member.choice === "remove");
  if (removed.length === 0) return;
  if (keptOf(group).length === 0) {
    throw new Refusal(`Group ${group.number} would lose its last picture. Keep another one first.`);
  }
  for (const member of removed) {
    if (member.lock) throw new Refusal(`${shown(nameOf(member))} stays: ${member.lock}.`);
    const action = removalOf(member);
    // A raw file or film beside it is a picture of its own: it may go only where the kept file has the same.
    const beside = new Set((keeperOf(member).companions ?? []).map(companion => companion.sha256));
    const alone = goingWith(member).find(companion => (companion.isOriginal || action === "delete") && !beside.has(companion.sha256));
    if (alone && !links.has(action)) {
      throw new Refusal(`${shown(nameOf(member))} stays: ${shown(nameOf({ fields: alone }))} belongs to it and has no copy beside the kept file.`);
    }
    if (links.has(action) && keeperOf(member).fields.sha256 !== member.fields.sha256) {
      throw new Refusal(`${shown(nameOf(member))} has other bytes than the kept file: it cannot become a ${verbs[action].toLowerCase()} of it.`);
    }
  }
}

function undo() {
  const step = steps.pop();
  if (!step) return null;
  for (const [member, choice] of step.before) member.choice = choice;
  for (const [group, isReviewed] of step.reviews) group.isReviewed = isReviewed;
  hasUnsaved = true;
  changed(new Set(step.reviews.map(([group]) => group)));
  return step.reviews[0]?.[0] ?? null;
}

// Keeps one picture of a group and removes the others; what the plan leaves alone stays so.
const staysAlone = member => member.lock || member.choice === "skip";
const keepOnly = chosen => chosen.group.members.map(member => [
  member, member === chosen ? "keep" : staysAlone(member) ? member.choice : "remove",
]);
const keepAll = group => group.members.map(member => [member, member.choice === "skip" ? "skip" : "keep"]);
const asPlanned = group => group.members.map(member => [member, member.planned]);
const isChanged = group => group.members.some(member => member.choice !== member.planned);

function review(list, isReviewed = true) {
  steps.push({ before: [], reviews: list.map(group => [group, group.isReviewed]) });
  for (const group of list) group.isReviewed = isReviewed;
  changed(new Set(list));
}

// Choices outlive a reload where the browser lets a page store something.
function store() {
  const state = {};
  for (const group of groups) {
    if (!group.isReviewed && !isChanged(group)) continue;
    state[group.number] = [group.isReviewed ? 1 : 0, ...group.members.map(member => member.choice)];
  }
  try {
    if (Object.keys(state).length > 0) localStorage.setItem(storeKey, JSON.stringify(state));
    else localStorage.removeItem(storeKey);
  } catch { /* storage is switched off or full: the choices last as long as the page */ }
}

function restore() {
  let state = null;
  try { state = JSON.parse(localStorage.getItem(storeKey)); } catch { return 0; }
  if (state === null || typeof state !== "object") return 0;
  let count = 0;
  for (const group of groups) {
    const [isReviewed, ...choices] = Array.isArray(state[group.number]) ? state[group.number] : [];
    if (choices.length !== group.members.length) continue;
    if (!choices.every((choice, place) => ["keep", "remove"].includes(choice) || choice === group.members[place].planned)) continue;
    group.members.forEach((member, place) => { member.choice = choices[place]; });
    try { check(group); } catch {
      for (const member of group.members) member.choice = member.planned;
      continue;
    }
    group.isReviewed = isReviewed === 1;
    count += 1;
  }
  hasUnsaved = groups.some(isChanged);
  return count;
}
