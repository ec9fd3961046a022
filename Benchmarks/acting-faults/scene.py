"""A scene of a fault test: pictures, a plan about them, and what stands where."""
import hashlib
import json
import os
import shutil
import subprocess
import tempfile

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


def tree_of(path):
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    if os.path.islink(path):
        return ("link", os.readlink(path))
    return ("file", digest(path), status.st_mtime_ns, status.st_mode & 0o7777)


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
        head = ["# imgvec plan 1", "# written by Benchmarks/acting-faults"]
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

    def applied(self, standing):
        """A scene's end without the numbers that names in the trash get: what is where the pictures were."""
        return {path: value[:2] for path, value in standing.items()}
