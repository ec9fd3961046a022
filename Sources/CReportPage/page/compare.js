// Two pictures of a group at the same place: flicker, wipe, difference, side by side.

const modes = ["flicker", "wipe", "difference", "pair"];
const compared = { first: null, second: null, mode: "flicker", isSecondInFront: false };

// The picture to be compared with the kept one: the selected one, else the first that goes.
function otherOf(group) {
  const kept = keptOf(group)[0] ?? group.members[0];
  if (current.group === group && current.member !== kept) return current.member;
  return group.members.find(member => member !== kept && member.choice === "remove") ?? group.members.find(member => member !== kept);
}

function openCompare(member) {
  const group = member.group;
  compared.first = keptOf(group).find(other => other !== member) ?? group.members.find(other => other !== member);
  compared.second = member;
  compared.isSecondInFront = false;
  for (const [id, picture] of [["first", compared.first], ["second", compared.second]]) {
    const figure = $(id), image = figure.querySelector("img");
    // The file itself where the browser can show it, else its thumbnail.
    const small = thumbnail(picture);
    let note = "";
    const caption = () => {
      figure.querySelector("figcaption").textContent =
        `${picture.place + 1}  ${shown(nameOf(picture))}  ${sizeText(picture)}  ${bytesText(picture.fields.size)}, ${wordOf(picture)}${note}`;
    };
    image.onerror = () => {
      image.onerror = null;
      note = small ? " (thumbnail: the browser cannot show the file)" : " (the browser cannot show the file)";
      if (small) image.src = small; else image.removeAttribute("src");
      caption();
    };
    image.src = picture.link;
    caption();
  }
  $("compare-title").textContent = `Group ${group.number}`;
  if (!$("compare").open) $("compare").showModal();
  setMode(compared.mode);
}

function setMode(mode) {
  compared.mode = mode;
  $("stage").dataset.mode = mode;
  for (const button of document.querySelectorAll("#compare [data-mode]")) {
    if (button.tagName === "BUTTON") button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
  }
  $("wipe-label").hidden = mode !== "wipe";
  $("second").style.clipPath = mode === "wipe" ? `inset(0 0 0 ${$("wipe").value}%)` : "";
  $("first").classList.toggle("front", !compared.isSecondInFront);
  $("second").classList.toggle("front", compared.isSecondInFront);
}

function flicker() {
  compared.isSecondInFront = !compared.isSecondInFront;
  setMode("flicker");
}

function stepCompare(step) {
  const others = compared.second.group.members.filter(member => member !== compared.first);
  const next = others[(others.indexOf(compared.second) + step + others.length) % others.length];
  select(next);
  openCompare(next);
}

function compareKey(event) {
  if (event.target === $("wipe") && event.key.startsWith("Arrow")) return;
  const acts = {
    " ": flicker, m: () => setMode(modes[(modes.indexOf(compared.mode) + 1) % modes.length]),
    ArrowRight: () => stepCompare(1), ArrowLeft: () => stepCompare(-1), c: () => $("compare").close(),
    p: () => attempt(() => choose([[compared.second, "keep"]])), x: () => attempt(() => choose([[compared.second, "remove"]])),
  };
  const act = acts[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}
