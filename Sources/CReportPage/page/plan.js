// The plan as the report carries it: its comment lines, and one line of JSON for every file. A line that nobody
// changes is saved as it came, byte for byte.

const readJSON = element => JSON.parse(element.textContent);

// Nanoseconds do not fit into JavaScript's numbers: they are carried as text. Inside a string every quote has a
// backslash before it, so that these patterns meet the field itself only.
const parseLine = line => JSON.parse(line.replace(/"mtime_ns":(-?\d+)/, '"mtime_ns":"$1"'));
const writeLine = fields => JSON.stringify(fields).replace(/"mtime_ns":"(-?\d+)"/, '"mtime_ns":$1');

const plan = readJSON(document.getElementById("plan"));
const links = new Set(["hardlink", "symlink", "reflink"]);
const choiceOf = action => action === "keep" || action === "skip" ? action : "remove";

// A group's fields: number, members, pictures (the element with its thumbnails, read when they are shown), isReviewed.
// A member's: line, fields (of the line), choice, planned (the choice as it came), and what is shown of it.
const groups = Array.from(document.querySelectorAll("script.group"), (element, index) => {
  const group = readJSON(element);
  group.index = index;
  group.pictures = element.nextElementSibling;
  group.isReviewed = false;
  group.members.forEach((member, place) => {
    member.group = group;
    member.place = place;
    member.fields = parseLine(member.line);
    member.choice = member.planned = choiceOf(member.fields.action);
    // How it matches the planned keeper; a line that is kept may say nothing.
    member.level = member.fields.level ?? "bytes";
  });
  return group;
});
const members = groups.flatMap(group => group.members);

// What becomes of a file that is removed: as the plan has it for the file, or else for most files.
const removal = (() => {
  const counts = new Map();
  for (const member of members) {
    if (member.planned === "remove") counts.set(member.fields.action, (counts.get(member.fields.action) ?? 0) + 1);
  }
  const [action] = [...counts].sort((a, b) => b[1] - a[1])[0] ?? ["trash"];
  const example = members.find(member => member.fields.action === action)?.fields ?? {};
  return { action, to: example.to, to_bytes: example.to_bytes };
})();
// Where the planned action is none, it is that of most files.
const removalOf = member => member.planned === "remove" ? member.fields.action : removal.action;

const verbs = { trash: "Trash", move: "Move", delete: "Delete", hardlink: "Hard link", symlink: "Symlink", reflink: "Reflink" };
const deeds = {
  trash: "to the trash", move: "to be moved", delete: "to be deleted", hardlink: "to become hard links",
  symlink: "to become symbolic links", reflink: "to become reflinks",
};

const samePath = (a, b) => a.path === b.path && (a.path_bytes ?? "") === (b.path_bytes ?? "");
const keptOf = group => group.members.filter(member => member.choice === "keep");

// The kept file that stands for a removed one: the planned one while it stays, else one of the same bytes, else the
// first.
function keeperOf(member) {
  const kept = keptOf(member.group);
  const fields = member.fields;
  const planned = { path: fields.keeper, path_bytes: fields.keeper_bytes };
  return kept.find(other => samePath(other.fields, planned))
    ?? kept.find(other => other.fields.sha256 === fields.sha256) ?? kept[0];
}

// What goes with a removed file: what belongs to another picture, too, stays while that one does, and goes with the
// last of them in the plan.
const keyOf = path => `${path.path_bytes ?? ""} ${path.path}`;
const places = new Map(members.map((member, place) => [keyOf(member.fields), place]));
function goingWith(member) {
  const place = places.get(keyOf(member.fields));
  return (member.companions ?? []).filter(companion => (companion.others ?? []).every(other => {
    const at = places.get(keyOf(other));
    return at < place && members[at].choice === "remove" && !links.has(removalOf(members[at]));
  }));
}

function lineOf(member) {
  const fields = member.fields;
  const keeper = member.choice === "remove" ? keeperOf(member) : null;
  const companions = keeper && !links.has(removalOf(member)) ? goingWith(member) : [];
  const isPlanned = member.choice === member.planned && companions.length === (keeper ? fields.with ?? [] : companions).length
    && (!keeper || !fields.keeper || samePath(keeper.fields, { path: fields.keeper, path_bytes: fields.keeper_bytes }));
  if (isPlanned) return member.line;
  const changed = { ...fields, reason: "chosen in the report" };
  // How well it matches was found out for the planned pair, and is not known for this one.
  for (const name of ["keeper", "keeper_bytes", "to", "to_bytes", "level", "score", "evidence", "with", "with_bytes", "with_sha256"]) {
    delete changed[name];
  }
  if (member.choice !== "remove") return writeLine({ ...changed, action: member.choice });
  changed.action = removalOf(member);
  if (changed.action === "move") {
    const from = fields.action === "move" ? fields : removal;
    changed.to = from.to;
    if (from.to_bytes !== undefined) changed.to_bytes = from.to_bytes;
  }
  changed.keeper = keeper.fields.path;
  if (keeper.fields.path_bytes !== undefined) changed.keeper_bytes = keeper.fields.path_bytes;
  changed.level = looserLevel(member.level, keeper.level);
  if (fields.sha256 === keeper.fields.sha256) changed.level = "bytes";
  if (companions.length > 0) {
    changed.with = companions.map(companion => companion.path);
    if (companions.some(companion => companion.path_bytes)) changed.with_bytes = companions.map(companion => companion.path_bytes ?? null);
    changed.with_sha256 = companions.map(companion => companion.sha256);
  }
  return writeLine(changed);
}

const levels = ["bytes", "pixels", "copies", "edits", "similar"];
const looserLevel = (a, b) => levels[Math.max(levels.indexOf(a), levels.indexOf(b))] ?? b;

// Files that go, and the bytes that come free by it.
function totalsOf(list) {
  const totals = { groups: list.length, files: 0, bytes: 0 };
  for (const group of list) {
    for (const member of group.members) {
      if (member.choice !== "remove") continue;
      totals.files += 1;
      totals.bytes += member.fields.size;
    }
  }
  return totals;
}

// The file to save. Comments stay; where something was changed, the totals are those of the new plan.
function planText(list) {
  const lines = list.map(group => group.members.map(lineOf));
  const isUnchanged = list.length === groups.length
    && list.every((group, index) => group.members.every((member, place) => member.line === lines[index][place]));
  const { groups: count, files, bytes } = totalsOf(list);
  const totals = `# ${count} groups, ${files} files to act on, ${bytes} bytes`;
  const comments = plan.comments.map(line => !isUnchanged && /^# \d+ groups, \d+ files to act on, \d+ bytes$/.test(line) ? totals : line);
  return [...comments, ...list.flatMap((group, index) => ["", `# group ${group.number}`, ...lines[index]])].join("\n") + "\n";
}
