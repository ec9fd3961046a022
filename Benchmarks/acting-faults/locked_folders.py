"""Folders and disks that cannot be written."""
import os
import subprocess

from ending import expected_end
from scene import ACTIONS, tree, unmount
from truth import lies, lost


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
            part.found(lost(scene) + lies(scene, False), what)
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
            part.found(lost(scene) + lies(scene, False), what)
            for folder in closed:
                os.chmod(folder, 0o755)
            part.finish(scene, what, expected_end(scene))
