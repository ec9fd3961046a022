// The selected picture, the keyboard, saving, and the start.

const current = { group: null, member: null };

function unselect() {
  const { group } = current;
  current.group = current.member = null;
  if (!group) return;
  group.section.classList.remove("current");
  group.section.removeAttribute("aria-current");
  for (const element of group.section.querySelectorAll(".selected")) element.classList.remove("selected");
}

// Makes a picture the selected one; moves the window to its group when asked.
function select(member, isScrolling = false) {
  if (current.group !== member.group) unselect();
  current.group = member.group;
  current.member = member;
  const { section } = member.group;
  section.classList.add("current");
  section.setAttribute("aria-current", "true");
  if (!member.group.isFilled) fill(member.group);
  const elements = section.querySelectorAll(".picture");
  elements.forEach((element, place) => element.classList.toggle("selected", place === member.place));
  if (isScrolling) section.scrollIntoView({ block: "start" });
  if (!document.querySelector("dialog[open]")) {
    const element = elements[member.place];
    element.tabIndex = 0;
    element.focus({ preventScroll: true });
    if (isScrolling) element.scrollIntoView({ block: "nearest" });
  }
}

function goGroup(step) {
  if (visible.length === 0) return;
  const from = current.group ? visible.indexOf(current.group) : -1;
  const index = from < 0 ? nearest() : Math.min(Math.max(from + step, 0), visible.length - 1);
  select(visible[index].members[0], true);
}

// The first group that is wholly or partly below the head of the window.
function nearest() {
  const head = document.querySelector("header").getBoundingClientRect().bottom;
  const index = visible.findIndex(group => group.section.getBoundingClientRect().bottom > head + 40);
  return Math.max(index, 0);
}

function goPicture(step) {
  if (!current.group) return goGroup(0);
  const { members } = current.group;
  select(members[Math.min(Math.max(current.member.place + step, 0), members.length - 1)]);
}

function acceptAndGo() {
  if (!current.group) return goGroup(0);
  const from = current.group;
  review([from]);
  const index = visible.indexOf(from);
  const next = [...visible.slice(index + 1), ...visible.slice(0, index)].find(group => !group.isReviewed);
  if (next) select(next.members[0], true);
  else say("Every shown group is reviewed. Press s to save the plan.", true);
}

const withPicture = act => () => { if (current.member) act(current.member); else goGroup(0); };
const keys = {
  j: () => goGroup(1), ArrowDown: () => goGroup(1), k: () => goGroup(-1), ArrowUp: () => goGroup(-1),
  ArrowRight: () => goPicture(1), l: () => goPicture(1), ArrowLeft: () => goPicture(-1), h: () => goPicture(-1),
  p: withPicture(member => attempt(() => choose([[member, "keep"]]))),
  x: withPicture(member => attempt(() => choose([[member, "remove"]]))),
  " ": withPicture(member => attempt(() => choose([[member, member.choice === "remove" ? "keep" : "remove"]]))),
  a: withPicture(member => attempt(() => choose(keepAll(member.group)))),
  r: withPicture(member => attempt(() => choose(asPlanned(member.group)))),
  c: withPicture(member => openCompare(otherOf(member.group))),
  o: withPicture(member => window.open(member.link, "_blank", "noopener")),
  Enter: acceptAndGo, u: undoLast, s: askToSave, "?": () => $("help").showModal(),
  "/": () => { $("path").focus(); $("path").select(); }, Escape: () => document.activeElement?.blur(),
};

document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey) {
    if (event.key === "z" && !["INPUT", "SELECT"].includes(event.target.tagName)) { event.preventDefault(); undoLast(); }
    return;
  }
  if (event.altKey || event.isComposing) return;
  if ($("compare").open) return compareKey(event);
  if (document.querySelector("dialog[open]")) return;
  if (["INPUT", "SELECT"].includes(event.target.tagName)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  // Enter and space press the button that has the focus.
  if (["BUTTON", "A", "SUMMARY"].includes(event.target.tagName) && ["Enter", " "].includes(event.key)) return;
  const act = keys[event.key] ?? (/^[1-9]$/.test(event.key) ? () => keepNumber(Number(event.key)) : null);
  if (!act) return;
  event.preventDefault();
  act();
});

function keepNumber(number) {
  if (!current.group) goGroup(0);
  const member = current.group?.members[number - 1];
  if (!member) return;
  if (attempt(() => choose(keepOnly(member)))) select(member);
}

function undoLast() {
  const group = undo();
  if (group && visible.includes(group)) select(group.members[0], true);
}

function savedGroups() {
  return $("only-reviewed").checked ? groups.filter(group => group.isReviewed) : groups;
}

function askToSave() {
  $("only-reviewed").disabled = !groups.some(group => group.isReviewed);
  if ($("only-reviewed").disabled) $("only-reviewed").checked = false;
  describeSaving();
  $("saving").showModal();
}

function describeSaving() {
  const totals = totalsOf(savedGroups());
  $("saving-summary").textContent = `${countText(totals.groups, "group")}, ${countText(totals.files, "file")} ${deeds[removal.action]}, ${bytesText(totals.bytes)}.`;
}

function download() {
  const list = savedGroups();
  for (const group of list) check(group);
  const link = make("a", { href: URL.createObjectURL(new Blob([planText(list)], { type: "application/jsonl" })), download: "plan.jsonl" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  hasUnsaved = false;
  $("saving").close();
  say("Saved. Now run: imgvec apply plan.jsonl", true);
}

window.addEventListener("beforeunload", event => { if (hasUnsaved) event.preventDefault(); });
$("filters").addEventListener("submit", event => event.preventDefault());
for (const id of ["level", "state", "order"]) $(id).addEventListener("change", () => { filter(); window.scrollTo(0, 0); });
$("size").addEventListener("change", () => {
  document.documentElement.style.setProperty("--tile", $("size").value ? `${$("size").value}px` : "");
});
let typing = 0;
$("path").addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(filter, 150); });
$("clear").addEventListener("click", () => { $("filters").reset(); filter(); });
$("accept").addEventListener("click", () => { review(visible); say(`${countText(visible.length, "group")} marked as reviewed. u undoes it.`); });
$("undo").addEventListener("click", undoLast);
$("save").addEventListener("click", askToSave);
$("saving-cancel").addEventListener("click", () => $("saving").close());
$("only-reviewed").addEventListener("change", describeSaving);
$("download").addEventListener("click", () => attempt(download));
$("help-button").addEventListener("click", () => $("help").showModal());
$("compare-close").addEventListener("click", () => $("compare").close());
$("wipe").addEventListener("input", () => setMode("wipe"));
for (const button of document.querySelectorAll("#compare button[data-mode]")) button.addEventListener("click", () => setMode(button.dataset.mode));

const restored = restore();
setUp();
filter();
tell();
$("save").disabled = false;
if (restored > 0) say(`Your choices in ${countText(restored, "group")} are back.`);
