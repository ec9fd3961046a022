"""kill -9 at random moments of `apply` and `undo`."""
import signal
import sys
import time

from ending import expected_end, same_as_before, undisturbed, undo_all
from scene import ACTIONS
from truth import half_done, lies, lost


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
                part.found(lost(scene) + lies(scene, True), what)
            if is_undo:
                part.found(undo_all(scene), f"{what}, undo")
                part.found(same_as_before(scene) + lost(scene) + lies(scene, False), f"{what}, undone")
            else:
                part.finish(scene, what, expected_end(scene))
