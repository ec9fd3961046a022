"""Another process that changes the very files that are acted on."""
import hashlib
import os
import random
import threading
import time

from truth import done_files


def race(part):
    """A process that rewrites, replaces, links and removes random files of the scene while they are acted on."""
    for number in range(max(10, part.arguments.runs // 3)):
        what = f"race {number}"
        with part.scene(files=60) as scene:
            copies = [line["path"] for line in scene.lines if line["action"] != "keep"]
            keepers = list(scene.keepers)
            written = {}
            stop = threading.Event()
            seed = part.random.random()

            def interfere():
                chance = random.Random(seed)
                while not stop.is_set():
                    path = chance.choice(copies if chance.random() < 0.7 else keepers)
                    deed = chance.choice(("rewrite", "replace", "link", "touch"))
                    try:
                        if os.path.islink(path) or not os.path.isfile(path) or os.stat(path).st_nlink > 1:
                            continue
                        text = f"by another process {len(written)} {chance.random()}".encode()
                        if deed == "rewrite":
                            # In place, by a file that is open already: it may be on its way elsewhere.
                            descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
                            try:
                                # Not through a link that has just taken its place.
                                if os.fstat(descriptor).st_nlink == 1:
                                    os.ftruncate(descriptor, 0)
                                    os.write(descriptor, text)
                                    written.setdefault(path, []).append(text)
                            finally:
                                os.close(descriptor)
                        elif deed == "replace":
                            with open(path + ".new", "wb") as file:
                                file.write(text)
                            os.rename(path + ".new", path)
                            written.setdefault(path, []).append(text)
                        elif deed == "link":
                            os.symlink("/dev/null", path + ".new")
                            os.rename(path + ".new", path)
                            written.setdefault(path, []).append(None)
                        else:
                            os.utime(path)
                        part.counts["deeds"] += 1
                    except OSError:
                        pass
                    time.sleep(0.0005)

            other = threading.Thread(target=interfere)
            other.start()
            ended = scene.apply()
            stop.set()
            other.join()
            part.counts["runs"] += 1
            part.counts["lines left alone"] += ended.stderr.count(b"left alone")
            if ended.returncode not in (0, 1, 3):
                part.found([ended.stderr.decode(errors="replace")[:300]], f"{what} ended with {ended.returncode}")
            # What the other process did not touch is safe, and what it wrote last is somewhere.
            everything = scene.everything()
            lines = {line["path"]: line for line in scene.lines}
            done = set(done_files(scene))
            for path, standing in scene.before.items():
                if path in written or standing[1] in everything:
                    continue
                line = lines.get(path, {})
                keeper = line.get("keeper")
                if line.get("action") == "delete" and keeper not in written:
                    continue
                if line.get("action") in ("delete", "hardlink", "symlink") and path in done:
                    # Deleted or linked first, its kept file changed afterwards.
                    part.counts["gone before the kept file was changed"] += 1
                    continue
                part.found([f"{path} is nowhere"], what)
            for path, texts in written.items():
                if texts[-1] is not None and hashlib.sha256(texts[-1]).hexdigest() not in everything:
                    part.found([f"what was written to {path} is nowhere"], what)
            # Everything that nobody touched comes back.
            for _ in range(5):
                if scene.run("undo").returncode == 1:
                    break
            after = scene.standing()
            for path, standing in scene.before.items():
                keeper = lines.get(path, {}).get("keeper")
                if path in written or path in scene.deleted or keeper in written:
                    continue
                if (after.get(path) or ("",))[:2] != standing[:2]:
                    part.found([f"{path} is not back: {after.get(path)}"], what)
            part.counts["left over, told by the next run"] += len(scene.leftovers())
