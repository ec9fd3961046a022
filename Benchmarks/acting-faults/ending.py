"""How a scene has to end whatever happened to it: the next `apply` completes what was begun, `undo` takes all back."""
import collections
import random
import time

from scene import Scene
from truth import lies, lost


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
        self.found(lost(scene) + lies(scene, False) + [f"{path} is left over" for path in scene.leftovers()], f"{what}, next apply")
        if undisturbed is not None and scene.applied(scene.standing()) != undisturbed:
            self.found(["not where an undisturbed run ends"], what)
        self.found(undo_all(scene), f"{what}, undo")
        self.found(same_as_before(scene) + lost(scene), f"{what}, undone")


def undisturbed(scene):
    """Where an undisturbed run ends, worked out from the plan; and how long it takes."""
    start = time.monotonic()
    ended = scene.apply()
    seconds = time.monotonic() - start
    assert ended.returncode == 0, ended.stderr.decode(errors="replace")
    return scene.applied(scene.standing()), seconds


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
