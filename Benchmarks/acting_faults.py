"""Kills, fills, write-protects and races `imgvec apply` and `imgvec undo`, and counts what is lost: nothing may be.

    ./dev bench acting-faults [PART ...] [--runs 300] [--files 200] [--seed N] [--work DIR]

Parts: kill (kill -9 at random moments), full (full disks), locked (folders that cannot be written), race (a process
that changes the very files meanwhile). All of them by default. Linux, as root: file systems in memory are mounted.

Every run starts from a fresh scene of about --files files in groups: trash, move, move to another file system,
hard link, symbolic link and (in some scenes) delete, sidecars among them, a third of the groups on a file system of
their own. After each fault it is checked that

- every content that stood there before stands somewhere still (by SHA-256; deleted copies excepted, of which the
  kept file must stand), and every kept file stands where it was, unchanged;
- the journal tells the truth: every step that it calls done is done on the disk, every step it calls failed or
  undone is back, and no step without an outcome but the last one;
- the next `apply` and `undo` come to their ends, leave no temporary name, and end where undisturbed runs end.

Prints one line per part with the number of runs and of violations, and the seed. Exits with 1 when anything was lost.
"""

import argparse
import collections
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ACTIONS = ("trash", "move", "far", "hardlink", "symlink", "delete")


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def tree(root, skipped=()):
    """Everything below a folder but folders: path -> ("link", target) or ("file", SHA-256, mtime, permissions)."""
    found = {}
    for folder, names, files in os.walk(root):
        names[:] = [name for name in names if os.path.join(folder, name) not in skipped]
        for name in files:
            path = os.path.join(folder, name)
            try:
                status = os.lstat(path)
                if os.path.islink(path):
                    found[path] = ("link", os.readlink(path))
                else:
                    found[path] = ("file", digest(path), status.st_mtime_ns, status.st_mode & 0o7777)
            except FileNotFoundError:
                pass  # a racing process took it away
    return found


def mount(path, options):
    os.makedirs(path, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], check=True)


def unmount(path):
    subprocess.run(["umount", "-l", path], check=False, stderr=subprocess.DEVNULL)


class Scene:
    """Files, a plan about them, and an index folder for the journals, in a folder of its own."""

    def __init__(self, work, random, binary, files, actions=ACTIONS, far_size="64m", near_size="64m"):
        self.random, self.binary = random, binary
        self.folder = tempfile.mkdtemp(prefix="scene-", dir=work)
        self.mounts = []
        self.pictures = os.path.join(self.folder, "pictures")
        self.other = os.path.join(self.folder, "other")  # pictures on a disk of their own, with a trash of its own
        self.far = os.path.join(self.folder, "far")  # the disk that files are moved to
        self.index = os.path.join(self.folder, "index")
        self.moved = os.path.join(self.folder, "moved")
        os.makedirs(self.pictures)
        os.makedirs(self.index)
        for path, size in ((self.other, near_size), (self.far, far_size)):
            mount(path, f"size={size}")
            self.mounts.append(path)
        self.environment = {
            "PATH": "/usr/bin:/bin", "HOME": os.path.join(self.folder, "home"), "IMGVEC_INDEX": self.index,
        }
        os.makedirs(self.environment["HOME"])
        self.plan = os.path.join(self.folder, "plan.jsonl")
        self.keepers, self.deleted, self.lines = {}, {}, []
        self.write_files(files, actions)
        self.before = self.standing()
        self.contents = self.everything()

    def close(self):
        for path in reversed(self.mounts):
            unmount(path)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def write_files(self, count, actions):
        made, group = 0, 0
        while made < count:
            group += 1
            root = os.path.join(self.random.choice((self.pictures, self.pictures, self.other)), str(group))
            keeper = self.write(os.path.join(root, "keep.jpg"), f"kept {group} ")
            self.keepers[keeper] = digest(keeper)
            self.add("keep", group, keeper)
            made += 1
            for number in range(self.random.randint(1, 4)):
                action = self.random.choice(actions)
                is_link = action in ("hardlink", "symlink")
                path = os.path.join(root, f"copies/{number}.jpg")
                if is_link:
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    shutil.copyfile(keeper, path)
                    os.utime(path, ns=(0, self.random.randint(1, 10**18)))
                else:
                    self.write(path, f"copy {group} {number} ")
                beside = []
                if action in ("trash", "move", "far") and self.random.random() < 0.3:
                    beside = [self.write(os.path.join(root, f"copies/{number}.xmp"), f"edits {group} {number} ")]
                if action == "delete":
                    self.deleted[path] = keeper
                self.add(action, group, path, keeper, beside)
                made += 1 + len(beside)
        head = ["# imgvec plan 1", "# written by Benchmarks/acting_faults.py"]
        with open(self.plan, "w") as file:
            file.write("\n".join(head + [json.dumps(line) for line in self.lines]) + "\n")

    def write(self, path, text):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(text.encode() + self.random.randbytes(self.random.randint(1, 8000)))
        os.utime(path, ns=(0, self.random.randint(1, 10**18)))
        os.chmod(path, self.random.choice((0o644, 0o600, 0o440)))
        return path

    def add(self, action, group, path, keeper=None, beside=()):
        status = os.stat(path)
        line = {
            "action": "move" if action == "far" else action, "group": group, "path": path, "size": status.st_size,
            "mtime_ns": status.st_mtime_ns, "sha256": digest(path),
        }
        if keeper:
            line["keeper"] = keeper
        if action in ("move", "far"):
            line["to"] = os.path.join(self.far, "moved") if action == "far" else self.moved
        if beside:
            line["with"] = list(beside)
            line["with_sha256"] = [digest(path) for path in beside]
        self.lines.append(line)

    def command(self, *words):
        return [self.binary, *words]

    def run(self, *words, **options):
        return subprocess.run(
            self.command(*words), cwd=self.folder, env=self.environment, capture_output=True, timeout=120, **options)

    def apply(self, *words):
        return self.run("apply", self.plan, "--allow-delete", *words)

    def start(self, *words):
        return subprocess.Popen(
            self.command(*words), cwd=self.folder, env=self.environment, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)

    def standing(self):
        """What stands where the pictures were, trashes excepted."""
        trashes = {os.path.join(self.other, ".Trash-0")}
        found = tree(self.pictures, trashes)
        found.update(tree(self.other, trashes))
        return found

    def everything(self):
        """The contents of every file of the scene, wherever it is."""
        return {value[1] for value in tree(self.folder, {self.index}).values() if value[0] == "file"}

    def leftovers(self):
        return [path for path in tree(self.folder, {self.index}) if "/.imgvec-" in path]

    # What is checked.

    def lost(self):
        """Contents that are nowhere, but for deleted copies whose kept file stands; and kept files that are not as they were."""
        problems = []
        missing = self.contents - self.everything()
        for path, keeper in self.deleted.items():
            missing.discard(self.before[path][1])
        if missing:
            problems.append(f"{len(missing)} contents are nowhere")
        for path, sha in self.keepers.items():
            try:
                if os.path.islink(path) or digest(path) != sha:
                    problems.append(f"{path} is not as it was")
            except FileNotFoundError:
                problems.append(f"{path} is gone")
        return problems

    def journals(self):
        folder = os.path.join(self.index, "journals")
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        return [os.path.join(folder, name) for name in names if name.endswith(".jsonl")]

    def lies(self, is_dead):
        """Steps of journals that are not as the journal says. With `is_dead` the last line may be cut short, and the
        last step of a journal may lack its outcome."""
        problems = []
        done = {}
        for journal in self.journals():
            with open(journal, "rb") as file:
                text = file.read()
            whole, _, rest = text.rpartition(b"\n")
            if rest and not is_dead:
                problems.append(f"{journal} ends within a line")
            steps, states, order = {}, {}, []
            for line in whole.split(b"\n"):
                record = json.loads(line) if line else {}
                (kind, value), = record.items() if record else (("none", None),)
                if kind == "intent":
                    steps[value["number"]] = value
                    states[value["number"]] = "intended"
                elif kind in ("done", "undoing", "undone"):
                    states[value] = kind
                elif kind == "failed":
                    states[value["step"]] = "failed"
                elif kind == "kept":
                    states[value["step"]] = "done"
                if kind in ("intent", "undoing"):
                    order.append(value["number"] if kind == "intent" else value)
            open_steps = [number for number, state in states.items() if state in ("intended", "undoing")]
            # (Every undo tries deleted files anew, before it comes to the step that an earlier kill has left open.)
            if open_steps and (not is_dead or (open_steps != order[-1:] and not self.deleted)):
                problems.append(f"{journal}: steps {open_steps} have no outcome")
            for number, step in steps.items():
                if states[number] == "done":
                    done[step["files"][0]["from"]] = step
                elif states[number] in ("failed", "undone"):
                    done.pop(step["files"][0]["from"], None)
                    problems += self.not_back(step, journal, f"step {number}, {states[number]}")
                else:
                    done[step["files"][0]["from"]] = None
        for step in done.values():
            if step is not None:
                problems += self.not_done(step)
        # What no journal speaks of is where it was.
        spoken = {move["from"] for journal in self.journals() for move in self.moves(journal)}
        for path, standing in self.before.items():
            if path not in spoken and tree_of(path) != standing:
                problems.append(f"{path} has changed and is in no journal")
        return problems

    def moves(self, journal):
        with open(journal, "rb") as file:
            for line in file.read().rpartition(b"\n")[0].split(b"\n"):
                record = json.loads(line) if line else {}
                if "intent" in record:
                    yield from record["intent"]["files"]

    def not_back(self, step, journal, what):
        # A later run may have taken the file up again: only the last step that speaks of it is held to its word.
        name = step["files"][0]["from"]
        last = [
            (other, intent["number"]) for other in self.journals() for intent in self.intents(other)
            if intent["files"][0]["from"] == name
        ][-1]
        if last != (journal, step["number"]):
            return []
        return [
            f"{move['from']} is not back ({what})" for move in step["files"]
            if tree_of(move["from"]) != self.before[move["from"]]
        ]

    def intents(self, journal):
        with open(journal, "rb") as file:
            for line in file.read().rpartition(b"\n")[0].split(b"\n"):
                record = json.loads(line) if line else {}
                if "intent" in record:
                    yield record["intent"]

    def not_done(self, step):
        problems = []
        for move in step["files"]:
            action, sha = step["action"], move["identity"]["sha256"]
            if action in ("trash", "move"):
                place = move.get("copy") or move["to"]
                if os.path.lexists(move["from"]) or not os.path.isfile(place) or digest(place) != sha:
                    problems.append(f"{move['from']} is not at {place}")
                if move.get("note") and not os.path.isfile(move["note"]):
                    problems.append(f"{move['note']} is missing")
            elif action == "delete":
                if os.path.lexists(move["from"]):
                    problems.append(f"{move['from']} was not deleted")
            elif action == "symlink":
                if not os.path.islink(move["from"]) or os.readlink(move["from"]) != step["keeper"]:
                    problems.append(f"{move['from']} is no link to {step['keeper']}")
            elif not os.path.samefile(move["from"], step["keeper"]):
                problems.append(f"{move['from']} is not the same file as {step['keeper']}")
        return problems

    def applied(self, standing):
        """A scene's end without the numbers that names in the trash get: what is where the pictures were."""
        return {path: value[:2] for path, value in standing.items()}


def tree_of(path):
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    if os.path.islink(path):
        return ("link", os.readlink(path))
    return ("file", digest(path), status.st_mtime_ns, status.st_mode & 0o7777)


def undo_all(scene):
    """Undoes run after run until nothing is left to undo; gives the statuses that were not 0 or 1."""
    odd = []
    for _ in range(60):
        ended = scene.run("undo")
        if ended.returncode == 1:
            return odd
        if ended.returncode != 0 and not (ended.returncode == 3 and scene.deleted):
            odd.append((ended.returncode, ended.stderr.decode(errors="replace").strip().splitlines()[-1:]))
            if len(odd) > 3:
                return odd
    return odd + [("undo did not come to an end", [])]


def same_as_before(scene):
    after = scene.standing()
    problems = []
    for path, standing in scene.before.items():
        if path in scene.deleted and path not in after:
            continue
        if after.get(path) != standing:
            problems.append(f"{path} is {after.get(path)}, was {standing}")
    problems += [f"{path} is new" for path in after if path not in scene.before]
    problems += [f"{path} is left over" for path in scene.leftovers()]
    return problems


class Part:
    def __init__(self, arguments, seed):
        self.arguments, self.random = arguments, random.Random(seed)
        self.counts, self.problems = collections.Counter(), []

    def scene(self, **options):
        options.setdefault("files", self.arguments.files)
        return Scene(self.arguments.work, self.random, self.arguments.binary, **options)

    def found(self, problems, what):
        for problem in problems[:5]:
            self.problems.append(f"{what}: {problem}")

    def finish(self, scene, what, undisturbed):
        """The next apply completes what was begun, the next undos take everything back."""
        ended = scene.apply()
        if ended.returncode not in (0, 1, 3):
            self.found([ended.stderr.decode(errors="replace")[:300]], f"{what}: apply ended with {ended.returncode}")
        if "stopped half way:" in ended.stderr.decode(errors="replace"):
            self.found([ended.stderr.decode(errors="replace")[:300]], f"{what}: unfinished")
        self.found(scene.lost() + scene.lies(False) + [f"{path} is left over" for path in scene.leftovers()], f"{what}, next apply")
        if undisturbed is not None and scene.applied(scene.standing()) != undisturbed:
            self.found(["not where an undisturbed run ends"], what)
        self.found(undo_all(scene), f"{what}, undo")
        self.found(same_as_before(scene) + scene.lost(), f"{what}, undone")


def undisturbed(scene):
    """Where an undisturbed run ends, worked out from the plan; and how long it takes."""
    start = time.monotonic()
    ended = scene.apply()
    seconds = time.monotonic() - start
    assert ended.returncode == 0, ended.stderr.decode(errors="replace")
    return scene.applied(scene.standing()), seconds


def kill(part):
    """kill -9 at a random moment of apply, and of undo."""
    runs = part.arguments.runs
    seconds = None
    while part.counts["killed"] < runs and part.counts["tries"] < 3 * runs:
        part.counts["tries"] += 1
        if part.counts["tries"] % 20 == 0:
            print(f"... {part.counts['killed']} killed, {len(part.problems)} violations", file=sys.stderr, flush=True)
        actions = ACTIONS if part.random.random() < 0.3 else ACTIONS[:-1]
        with part.scene(actions=actions) as scene:
            if seconds is None:
                start = time.monotonic()
                scene.run("undo", "--list")
                idle = time.monotonic() - start
                end, seconds = undisturbed(scene)
                part.found(undo_all(scene) + same_as_before(scene), "undisturbed")
                continue
            what = f"kill {part.counts['tries']}"
            is_undo = part.random.random() < 0.4
            if is_undo:
                end, _ = undisturbed(scene)
                words = ["undo"]
            else:
                words = ["apply", scene.plan, "--allow-delete"]
            # Some scenes are hit several times before they may finish.
            for _ in range(part.random.choice((1, 1, 1, 2, 4))):
                process = scene.start(*words)
                time.sleep(part.random.uniform(idle * 0.3, seconds))
                process.send_signal(signal.SIGKILL)
                hit = process.wait() == -signal.SIGKILL
                part.counts["killed"] += hit
                part.counts["undo killed" if is_undo else "apply killed"] += hit
                part.counts["half-done steps"] += half_done(scene)
                part.found(scene.lost() + scene.lies(True), what)
            if is_undo:
                part.found(undo_all(scene), f"{what}, undo")
                part.found(same_as_before(scene) + scene.lost() + scene.lies(False), f"{what}, undone")
            else:
                part.finish(scene, what, expected_end(scene))


def half_done(scene):
    """Steps that a kill has left half way."""
    count = 0
    for journal in scene.journals():
        states = {}
        with open(journal, "rb") as file:
            for line in file.read().rpartition(b"\n")[0].split(b"\n"):
                for kind, value in (json.loads(line) if line else {}).items():
                    if kind == "intent":
                        states[value["number"]] = "open"
                    elif kind == "undoing":
                        states[value] = "open"
                    elif kind in ("done", "undone"):
                        states[value] = "closed"
                    elif kind in ("failed", "kept"):
                        states[value["step"]] = "closed"
        count += sum(state == "open" for state in states.values())
    return count


def expected_end(scene):
    """What stands where the pictures were when the whole plan is carried out."""
    end = scene.applied(scene.before)
    for line in scene.lines:
        for path in [line["path"]] + line.get("with", []) if line["action"] != "keep" else []:
            if line["action"] == "symlink":
                end[path] = ("link", line["keeper"])
            elif line["action"] != "hardlink":
                end.pop(path)
    return end


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
                part.found(scene.lost() + scene.lies(True), what)
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


def locked(part):
    """Folders and disks that cannot be written, as root (read-only mounts) and as another user (permissions)."""
    for number in range(max(4, part.arguments.runs // 10)):
        what = f"read-only {number}"
        part.counts["read-only disk"] += 1
        with part.scene(actions=ACTIONS[:-1]) as scene:
            target = part.random.choice((scene.other, scene.far, scene.pictures))
            if target == scene.pictures:
                subprocess.run(["mount", "--bind", target, target], check=True)
                scene.mounts.append(target)
                subprocess.run(["mount", "-o", "remount,bind,ro", target], check=True)
            else:
                subprocess.run(["mount", "-o", "remount,ro", target], check=True)
            ended = scene.apply()
            if ended.returncode not in (0, 1, 3):
                part.found([ended.stderr.decode(errors="replace")[:200]], f"{what} ended with {ended.returncode}")
            part.found(scene.lost() + scene.lies(False), what)
            if target == scene.pictures:
                unmount(target)
                scene.mounts.remove(target)
            else:
                subprocess.run(["mount", "-o", "remount,rw", target], check=True)
            part.finish(scene, what, expected_end(scene))
        # Another user, who may not write into some folders.
        what = f"another user {number}"
        part.counts["another user"] += 1
        with part.scene(actions=ACTIONS[:-1]) as scene:
            for folder, _, names in os.walk(scene.folder):
                os.chown(folder, 65534, 65534)
                for name in names:
                    os.chown(os.path.join(folder, name), 65534, 65534, follow_symlinks=False)
            closed = []
            for folder, _, _ in os.walk(scene.pictures):
                if part.random.random() < 0.3:
                    os.chmod(folder, 0o555)
                    closed.append(folder)
            os.chmod(scene.folder, 0o755)
            os.chmod(os.path.dirname(scene.folder), 0o755)
            scene.before = scene.standing()
            user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
            plain = scene.command
            scene.command = lambda *words: user + plain(*words)
            ended = scene.apply()
            if ended.returncode not in (0, 1, 3):
                part.found([ended.stderr.decode(errors="replace")[:200]], f"{what} ended with {ended.returncode}")
            part.counts["lines refused to another user"] += ended.stderr.count(b"Permission denied")
            trashes = {os.path.join(scene.other, ".Trash-65534")}
            scene.standing = lambda: {**tree(scene.pictures), **tree(scene.other, trashes)}
            part.found(scene.lost() + scene.lies(False), what)
            for folder in closed:
                os.chmod(folder, 0o755)
            part.finish(scene, what, expected_end(scene))


def done_files(scene):
    """The files of the steps that the journals call done."""
    for journal in scene.journals():
        with open(journal, "rb") as file:
            records = [json.loads(line) for line in file.read().rpartition(b"\n")[0].split(b"\n") if line]
        steps = {record["intent"]["number"]: record["intent"] for record in records if "intent" in record}
        for record in records:
            if "done" in record:
                yield from (move["from"] for move in steps[record["done"]]["files"])


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


PARTS = {"kill": kill, "full": full, "locked": locked, "race": race}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--runs", type=int, default=300, help="kills; the other parts run a share of it")
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--work", default=None, help="a folder for the scenes; its disk is the home trash's")
    arguments = parser.parse_intermixed_args()
    if not set(arguments.parts) <= set(PARTS):
        parser.error(f"parts are {', '.join(PARTS)}")
    if os.geteuid() != 0 or not sys.platform.startswith("linux"):
        sys.exit("acting_faults: mounts file systems of its own: Linux, as root")
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().getrandbits(32)
    arguments.binary = os.path.abspath(arguments.binary)
    work = tempfile.mkdtemp(prefix="acting-faults-", dir=arguments.work)
    os.chmod(work, 0o755)
    arguments.work = work
    print(f"seed {seed}", flush=True)
    failed = False
    try:
        for name in arguments.parts or PARTS:
            part = Part(arguments, f"{seed} {name}")
            start = time.monotonic()
            PARTS[name](part)
            counts = ", ".join(f"{count} {what}" for what, count in sorted(part.counts.items()))
            print(f"{name}: {len(part.problems)} violations; {counts}; {time.monotonic() - start:.0f} s", flush=True)
            for problem in part.problems[:20]:
                print(f"  {problem}", flush=True)
            failed = failed or bool(part.problems)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
