"""Disks that fill up under `apply`, `undo` and `dupes --plan`."""
import os
import shutil

from ending import expected_end, same_as_before, undisturbed, undo_all
from scene import ACTIONS, mount, tree_of
from truth import lies, lost


def full(part):
    """Disks that fill up: the one moved to, the trash's own, the journal's, the plan's."""
    for number in range(max(4, part.arguments.runs // 10)):
        for kind in ("far", "other", "journal", "undo", "plan"):
            what = f"full {kind} {number}"
            part.counts[kind] += 1
            with part.scene(actions=ACTIONS[:-1]) as scene:
                if kind == "undo":
                    end, _ = undisturbed(scene)
                target = {"far": scene.far, "other": scene.other}.get(kind)
                if kind == "plan":
                    target = os.path.join(scene.folder, "small")
                    mount(target, "size=64k")
                    scene.mounts.append(target)
                    old = os.path.join(target, "plan.jsonl")
                    with open(old, "w") as file:
                        file.write("# imgvec plan 1\n# an older plan\n")
                if kind in ("journal", "undo"):
                    # The index folder on a disk of its own, which is filled.
                    target = scene.index
                    kept = os.path.join(scene.folder, "kept-index")
                    shutil.move(scene.index, kept)
                    mount(target, "size=1m")
                    scene.mounts.append(target)
                    shutil.copytree(kept, target, dirs_exist_ok=True)
                    shutil.rmtree(kept)
                room = part.random.randint(0, 60) * 1024
                filler = os.path.join(target, ".filler")
                with open(filler, "wb") as file:
                    try:
                        while True:
                            os.write(file.fileno(), bytes(4096))
                    except OSError:
                        pass
                os.truncate(filler, max(0, os.path.getsize(filler) - room))
                if kind == "other":
                    scene.before[filler] = tree_of(filler)
                if kind == "plan":
                    plan_on_full_disk(part, scene, old, what)
                    continue
                ended = scene.run("undo") if kind == "undo" else scene.apply()
                part.counts[f"{kind}: not all done"] += ended.returncode not in (0,)
                if ended.returncode not in (0, 1, 2, 3):
                    part.found([ended.stderr.decode(errors="replace")[:200]], f"{what} ended with {ended.returncode}")
                part.found(lost(scene) + lies(scene, True), what)
                os.truncate(filler, 0)
                os.unlink(filler)
                scene.before.pop(filler, None)
                if kind == "undo":
                    part.found(undo_all(scene), f"{what}, undo")
                    part.found(same_as_before(scene), f"{what}, undone")
                else:
                    part.finish(scene, what, expected_end(scene))


def plan_on_full_disk(part, scene, old, what):
    """`dupes --plan` onto a full disk: the older plan stays whole, one line tells why."""
    gallery = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "Fixtures/images/gallery")
    album = os.path.join(scene.folder, "album")
    for number in range(40):
        shutil.copytree(gallery, os.path.join(album, str(number)), dirs_exist_ok=True) if number < 3 else None
    scene.run("index", album)
    ended = scene.run("dupes", "--level", "bytes", "--plan", old, "--html", os.path.join(os.path.dirname(old), "r.html"))
    with open(old) as file:
        text = file.read()
    if ended.returncode == 0:
        part.found([f"status 0 on a full disk"], what)
    if text != "# imgvec plan 1\n# an older plan\n" and not text.count('"action"') > 50:
        part.found([f"the plan is half written: {text[:80]}"], what)
    part.counts["plan: refused"] += ended.returncode == 2
