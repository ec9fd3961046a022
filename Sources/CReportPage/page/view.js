// What is seen: a section for each group, filled with pictures only while it is near the window.

const $ = id => document.getElementById(id);

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

// File names are anybody's: what is invisible or turns the direction of writing is shown as its code.
const shown = text => text.replace(
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
  mark => `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`);
const nameOf = member => member.fields.path.slice(member.fields.path.lastIndexOf("/") + 1);
const folderOf = member => member.fields.path.slice(0, member.fields.path.lastIndexOf("/")) || "/";
const sizeText = member => member.width ? `${member.width} × ${member.height}` : "";
const pixelsOf = member => (member.width ?? 0) * (member.height ?? 0);

function bytesText(count) {
  if (count < 1024) return `${count} B`;
  let value = count / 1024, unit = 0;
  while (value >= 1024 && unit < 3) { value /= 1024; unit += 1; }
  return `${value.toFixed(1)} ${["KiB", "MiB", "GiB", "TiB"][unit]}`;
}
const countText = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;

function timeText(nanoseconds) {
  const date = new Date(Number(nanoseconds) / 1e6);
  if (Number.isNaN(date.getTime())) return "unknown";
  const two = number => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`;
}
const captureText = text => text.replace("T", " ").slice(0, 16);

const levelOf = group => group.members.reduce((level, member) => looserLevel(level, member.level), "bytes");

// What all pictures' folders have in common, but for its last part, with a slash at its end.
const base = members.map(folderOf).reduce((common, folder) => {
  const parts = folder.split("/");
  let count = 0;
  while (count < common.length && common[count] === parts[count]) count += 1;
  return common.slice(0, count);
}, members.length > 0 ? folderOf(members[0]).split("/") : []).slice(0, -1).map(part => `${part}/`).join("") || "/";

// The folder below the common one, cut from the left to what tells folders apart.
function shortFolder(member) {
  const folder = folderOf(member).slice(base.length) || "/";
  const parts = folder.split("/");
  let start = 0;
  while (start < parts.length - 1 && parts.slice(start).join("/").length > 36) start += 1;
  return (start > 0 ? "…/" : "") + parts.slice(start).join("/");
}

function thumbnail(member) {
  const text = member.group.pictures.textContent.trim().split("\n")[member.picture];
  return member.picture === undefined || !text ? null : `data:image/jpeg;base64,${text}`;
}

const matches = { bytes: "same bytes", pixels: "same pixels", copies: "copy", edits: "edited copy", similar: "similar picture" };

function matchText(member) {
  const { level, score, evidence } = member.fields;
  if (!level || member.planned === "keep") return null;
  const parts = [matches[level] ?? level];
  if (level !== "bytes" && level !== "pixels" && score !== undefined) parts.push(score.toFixed(3));
  if (evidence) parts.push(evidence);
  return parts.join(" · ");
}

function whyText(member) {
  if (member.choice !== member.planned) return "your choice";
  return member.fields.reason ?? "";
}

function pictureElement(member) {
  const group = member.group, name = shown(nameOf(member));
  const isBest = value => {
    const best = Math.max(...group.members.map(value));
    return value(member) === best && group.members.some(other => value(other) < best);
  };
  // The element stays the same while its group is shown: a new one would flash.
  const data = member.image ? null : thumbnail(member);
  if (data) member.image = make("img", { src: data, alt: "", draggable: "false" });
  const size = make("p", { class: "numbers" },
    make("span", { class: isBest(pixelsOf) ? "best" : "" }, sizeText(member)), `  ${member.format ?? ""}  `,
    make("span", { class: isBest(other => other.fields.size) ? "best" : "" }, bytesText(member.fields.size)));
  const modified = timeText(member.fields.mtime_ns);
  const date = make("p", { class: "date", title: `modified ${modified}` },
    member.captured ? `taken ${captureText(member.captured)}` : `modified ${modified}`);
  const match = matchText(member);
  const facts = make("div", { class: "facts" },
    make("h3", { title: shown(member.fields.path) }, make("kbd", {}, String(member.place + 1)), make("bdi", {}, name)),
    make("p", { class: "folder", title: shown(folderOf(member)) }, make("bdi", {}, shown(shortFolder(member)))),
    size, date,
    match ? make("p", { class: "match", title: match }, match) : "",
    make("p", { class: "why" }, whyText(member)));
  const button = (choice, label, extra = "") => make("button", {
    type: "button", "data-choice": choice, class: extra, "aria-pressed": String(member.choice === choice), disabled: choice === "remove" && Boolean(member.lock), title: choice === "remove" ? member.lock : undefined,
    onclick: event => { event.stopPropagation(); attempt(() => choose([[member, choice]])); },
  }, `${member.choice === choice ? "✓ " : ""}${label}`);
  const choice = make("div", { class: "choice", role: "group", "aria-label": `What becomes of ${name}` },
    button("keep", "Keep"), button("remove", verbs[removalOf(member)], member.planned === "skip" ? "" : "end"));
  if (member.planned === "skip") choice.append(button("skip", "Leave", "end"));
  choice.append(make("button", {
    type: "button", class: "prefer", title: `In every shown group: keep what stands in ${shown(folderOf(member))}, remove the rest`,
    onclick: event => { event.stopPropagation(); preferFolder(folderOf(member)); },
  }, "prefer folder"));
  facts.append(choice);
  const picture = member.image ?? make("span", {}, member.problem ?? "no preview");
  const element = make("article", {
    class: "picture", "data-choice": member.choice, tabindex: -1,
    "aria-label": `${member.place + 1} of ${group.members.length}: ${name}, ${wordOf(member)}`,
    onclick: () => select(member),
  }, make("a", {
    class: "thumb", href: member.link, target: "_blank", rel: "noopener", tabindex: -1, "aria-label": `Open ${name}`,
    title: "Open in full size", onclick: event => event.stopPropagation(),
  }, picture), facts);
  element.classList.toggle("selected", current.member === member);
  return element;
}
const wordOf = member => ({ keep: "kept", skip: "left alone", remove: deeds[removalOf(member)] })[member.choice];

function headElement(group) {
  const totals = totalsOf([group]);
  const state = totals.files === 0 ? "everything stays" : `${totals.files} of ${group.members.length} ${deeds[removal.action]}, ${bytesText(totals.bytes)}`;
  const act = (label, title, body) => make("button", { type: "button", title, onclick: event => { event.stopPropagation(); body(); } }, label);
  return make("div", { class: "head" },
    make("h2", {}, `Group ${group.number}`), make("span", { class: "level" }, levelOf(group)),
    make("span", { class: "state" }, state),
    group.isReviewed ? make("span", { class: "tick" }, "✓ reviewed") : "",
    make("span", { class: "space" }),
    isChanged(group) ? act("Reset", "Back to what was planned (r)", () => attempt(() => choose(asPlanned(group)))) : "",
    act("Keep all", "Nothing of this group is removed (a)", () => attempt(() => choose(keepAll(group)))),
    act("Compare", "At the same place, in full size (c)", () => openCompare(otherOf(group))));
}

// Empty frames keep each section as high as it will be, so that nothing jumps when pictures come and go.
function frames(group) {
  group.isFilled = false;
  for (const member of group.members) member.image = null;
  group.section.replaceChildren(
    make("div", { class: "head" }, make("h2", {}, `Group ${group.number}`)),
    make("div", { class: "pictures" }, ...group.members.map(() => make("article", { class: "picture" }))));
}

function fill(group) {
  const focused = group.section.contains(document.activeElement) ? [...group.section.querySelectorAll("button, article, a")].indexOf(document.activeElement) : -1;
  group.isFilled = true;
  group.section.replaceChildren(headElement(group), make("div", { class: "pictures" }, ...group.members.map(pictureElement)));
  if (focused >= 0) group.section.querySelectorAll("button, article, a")[focused]?.focus({ preventScroll: true });
}

// Groups are watched by the batch: a browser spends milliseconds a frame on thousands of watched elements.
const batchSize = 25;
const watcher = new IntersectionObserver(entries => {
  for (const { target, isIntersecting } of entries) {
    for (const group of target.groups) {
      if (isIntersecting && !group.isFilled) fill(group);
      if (!isIntersecting && group.isFilled && current.group !== group) frames(group);
    }
  }
}, { rootMargin: "900px 0px" });

function layOut() {
  watcher.disconnect();
  const batches = [];
  for (let start = 0; start < visible.length; start += batchSize) {
    const groups = visible.slice(start, start + batchSize);
    const batch = make("div", {}, ...groups.map(group => group.section));
    batch.groups = groups;
    batches.push(batch);
  }
  $("groups").replaceChildren(...batches);
  for (const batch of batches) watcher.observe(batch);
}

function setUp() {
  for (const group of groups) {
    group.section = make("section", { class: "group", "data-index": group.index, "aria-label": `Group ${group.number}`, onclick: () => { if (current.group !== group) select(group.members[0], false); } });
    frames(group);
  }
  const present = levels.filter(level => groups.some(group => levelOf(group) === level));
  $("level").append(make("option", { value: "" }, "all"), ...present.map(level => make("option", { value: level }, `${level} (${groups.filter(group => levelOf(group) === level).length})`)));
  const counts = new Map();
  for (const member of members) counts.set(folderOf(member), (counts.get(folderOf(member)) ?? 0) + 1);
  const common = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 200);
  $("folders").append(...common.map(([folder]) => make("option", { value: folder })));
  $("about").textContent = [`Folders are shown below ${shown(base)}`, ...plan.comments.map(shown)].join("\n");
}

let visible = groups;

function filter() {
  const level = $("level").value, state = $("state").value, path = $("path").value.toLowerCase();
  const fits = {
    all: () => true, open: group => !group.isReviewed, reviewed: group => group.isReviewed, changed: isChanged,
    idle: group => totalsOf([group]).files === 0,
  }[state];
  visible = groups.filter(group => (!level || levelOf(group) === level) && fits(group)
    && (!path || group.members.some(member => member.fields.path.toLowerCase().includes(path))));
  const keys = {
    bytes: group => -totalsOf([group]).bytes, count: group => -group.members.length,
    score: group => Math.min(1, ...group.members.map(member => member.fields.score ?? 1)),
  }[$("order").value];
  if (keys) {
    const values = new Map(visible.map(group => [group, keys(group)]));
    visible.sort((a, b) => values.get(a) - values.get(b) || a.index - b.index);
  }
  layOut();
  $("nothing").hidden = visible.length > 0;
  $("shown").textContent = visible.length === groups.length ? "" : `${visible.length.toLocaleString("en")} shown`;
  if (current.group && !visible.includes(current.group)) unselect();
}

function tell() {
  const totals = totalsOf(groups);
  $("totals").replaceChildren(make("b", {}, countText(groups.length, "group")), ", ",
    make("b", {}, countText(totals.files, "file")), ` ${deeds[removal.action]}, `, make("b", {}, bytesText(totals.bytes)));
  const reviewed = groups.filter(group => group.isReviewed).length;
  $("reviewed").textContent = `${reviewed.toLocaleString("en")} reviewed`;
  $("progress").max = Math.max(1, groups.length);
  $("progress").value = reviewed;
  $("undo").disabled = steps.length === 0;
}

// Called after every change of choices or reviews.
function changed(touched) {
  for (const group of touched) if (group.isFilled) fill(group);
  tell();
  store();
}

let messageTimer = 0;
function say(text, isLong = false) {
  $("message").firstElementChild.textContent = text;
  $("message").hidden = false;
  clearTimeout(messageTimer);
  messageTimer = setTimeout(() => { $("message").hidden = true; }, isLong ? 9000 : 5000);
}

function attempt(change) {
  try { change(); return true; } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    say(error.message);
    return false;
  }
}

function preferFolder(folder) {
  const changes = [];
  let count = 0;
  for (const group of visible) {
    const inside = member => folderOf(member) === folder;
    if (!group.members.some(inside) || group.members.every(inside)) continue;
    const wish = group.members.map(member => [member, staysAlone(member) ? member.choice : inside(member) ? "keep" : "remove"]);
    if (!wish.some(([, choice]) => choice === "keep")) continue;
    count += 1;
    changes.push(...wish);
  }
  if (attempt(() => choose(changes))) say(`Kept what stands in ${shown(folder)}, in ${countText(count, "group")}. u undoes it.`, true);
}
