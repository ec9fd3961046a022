"""Disks that fill up under `apply`, `undo` and `dupes --plan`."""
import os
import shutil

from ending import expected_end, same_as_before, undisturbed, undo_all
from scene import ACTIONS, mount, tree_of
from truth import lies, lost


PAGE = 4096
KINDS = ("far", "other", "other, undo", "journal", "journal, undo", "plan")
NO_ROOM = b"No space left on device"


def full(part):
    """Disks that fill up: the one moved to, the pictures' own (notes of its trash; bytes of links that are taken back), the
    journal's, the plan's. Where it is known how much is needed, less is left, and the run has to say so."""
    for number in range(max(4, part.arguments.runs // 10)):
        for kind in KINDS:
            what = f"full disk, {kind} {number}"
            # Links in place of copies, and files that go elsewhere, would make room for the notes.
            actions = ("trash",) if kind == "other" else ACTIONS[:-1]
            with part.scene(actions=actions, far_size="8m", near_size="8m") as scene:
                part.counts[kind] += 1
                if kind == "plan":
                    plan_on_full_disk(part, scene, what)
                else:
                    full_disk(part, scene, kind, what)
    for kind in KINDS:
        if not part.counts[f"{kind}: felt"]:
            part.found(["no run felt that the disk was full"], kind)


def full_disk(part, scene, kind, what):
    needed = pages_needed(scene, kind)
    is_undo = kind.endswith("undo")
    if is_undo:
        undisturbed(scene)
    target = {"far": scene.far, "journal": scene.index}.get(kind.split(",")[0], scene.other)
    if target == scene.index:
        # The index folder gets a disk of its own.
        kept = os.path.join(scene.folder, "kept-index")
        shutil.move(scene.index, kept)
        mount(target, "size=1m")
        scene.mounts.append(target)
        shutil.copytree(kept, target, dirs_exist_ok=True)
        shutil.rmtree(kept)
    filler = fill(target, part.random.randint(0, max(0, needed - 1)))
    if target == scene.other:
        scene.before[filler] = tree_of(filler)
    ended = scene.run("undo") if is_undo else scene.apply()
    is_felt = ended.returncode != 0 and NO_ROOM in ended.stderr
    part.counts[f"{kind}: felt"] += is_felt
    if kind in ("far", "other", "other, undo") and needed > 0 and not is_felt:
        part.found([f"ended with {ended.returncode} where {needed} pages were needed"], what)
    if ended.returncode not in (0, 1, 2, 3):
        part.found([ended.stderr.decode(errors="replace")[:200]], f"{what} ended with {ended.returncode}")
    part.found(lost(scene) + lies(scene, True, may_wait=is_undo), what)
    os.truncate(filler, 0)
    os.unlink(filler)
    scene.before.pop(filler, None)
    if is_undo:
        part.found(undo_all(scene), f"{what}, undo")
        part.found(same_as_before(scene) + lost(scene), f"{what}, undone")
    else:
        part.finish(scene, what, expected_end(scene))


def pages_needed(scene, kind):
    """What the steps of a plan write at least on the disk that is to be full, in pages of a file system in memory."""
    pages = lambda path: -(-os.path.getsize(path) // PAGE)
    needed = 0
    for line in scene.lines:
        files = [line["path"], *line.get("with", [])]
        is_there = line["path"].startswith(scene.other)
        is_far = line.get("to", "").startswith(scene.far)
        if kind == "far" and is_far:
            needed += sum(map(pages, files))
        elif kind == "other" and is_there and line["action"] == "trash":
            needed += 1  # the note
        elif kind == "other, undo" and is_there:
            if line["action"] in ("hardlink", "symlink") or is_far:
                needed += sum(map(pages, files))
            elif line["action"] == "trash":
                needed -= len(files)  # the notes go
        elif kind == "journal":
            needed = 12  # The few lines of an undo may all go into the journal's last page: no room is left there.
    return max(0, needed)


def fill(folder, room):
    """Fills a disk but for some pages; gives the file that fills it."""
    filler = os.path.join(folder, ".filler")
    with open(filler, "wb", buffering=0) as file:
        try:
            while file.write(bytes(PAGE)) == PAGE:
                pass
        except OSError:
            pass
    os.truncate(filler, max(0, os.path.getsize(filler) // PAGE - room) * PAGE)
    return filler


def plan_on_full_disk(part, scene, what):
    """`dupes --plan` onto a full disk: the older plan stays whole, one line tells why."""
    repository = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    album = os.path.join(scene.folder, "album")
    for number in range(3):
        shutil.copytree(os.path.join(repository, "Fixtures/images/gallery"), os.path.join(album, str(number)))
    disk = os.path.join(scene.folder, "small")
    mount(disk, "size=64k")
    scene.mounts.append(disk)
    old, text = os.path.join(disk, "plan.jsonl"), "# imgvec plan 1\n# an older plan\n"
    with open(old, "w") as file:
        file.write(text)
    fill(disk, part.random.randint(0, 6))
    scene.run("index", album)
    ended = scene.run("dupes", "--level", "bytes", "--plan", old, "--html", os.path.join(disk, "report.html"))
    part.counts["plan: felt"] += ended.returncode == 2 and NO_ROOM in ended.stderr
    if ended.returncode == 0:
        part.found(["status 0 on a full disk"], what)
    with open(old) as file:
        now = file.read()
    # The report comes after the plan: either may be what did not fit.
    if now != text and now.count('"action"') <= 50:
        part.found([f"the plan is half written: {now[:80]}"], what)
