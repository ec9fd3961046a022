"""Whether anything is lost, and whether the journals tell what is on the disk."""
import json
import os

from scene import digest, tree_of


def lost(scene):
    """Contents that are nowhere, but for deleted copies whose kept file stands; and kept files that are not as they were."""
    problems = []
    missing = scene.contents - scene.everything()
    for path, keeper in scene.deleted.items():
        missing.discard(scene.before[path][1])
    if missing:
        problems.append(f"{len(missing)} contents are nowhere")
    for path, sha in scene.keepers.items():
        try:
            if os.path.islink(path) or digest(path) != sha:
                problems.append(f"{path} is not as it was")
        except FileNotFoundError:
            problems.append(f"{path} is gone")
    return problems


def journals(scene):
    folder = os.path.join(scene.index, "journals")
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return [os.path.join(folder, name) for name in names if name.endswith(".jsonl")]


def lies(scene, is_dead, may_wait=False):
    """Steps of journals that are not as the journal says. With `is_dead` the last line may be cut short, and the
    last step of a journal may lack its outcome; with `may_wait` any may, as `undo` leaves those for its next call that a
    full disk kept it from taking back."""
    problems = []
    done = {}
    for journal in journals(scene):
        if not is_dead and not ends_with_a_line(journal):
            problems.append(f"{journal} ends within a line")
        steps, states, order = {}, {}, []
        for record in records(journal):
            (kind, value), = record.items()
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
        if open_steps and not may_wait and (not is_dead or (open_steps != order[-1:] and not scene.deleted)):
            problems.append(f"{journal}: steps {open_steps} have no outcome")
        for number, step in steps.items():
            if states[number] == "done":
                done[step["files"][0]["from"]] = step
            elif states[number] in ("failed", "undone"):
                done.pop(step["files"][0]["from"], None)
                problems += not_back(scene, step, journal, f"step {number}, {states[number]}")
            else:
                done[step["files"][0]["from"]] = None
    for step in done.values():
        if step is not None:
            problems += not_done(step)
    # What no journal speaks of is where it was.
    spoken = {move["from"] for journal in journals(scene) for step in intents(journal) for move in step["files"]}
    for path, standing in scene.before.items():
        if path not in spoken and tree_of(path) != standing:
            problems.append(f"{path} has changed and is in no journal")
    return problems


def ends_with_a_line(journal):
    with open(journal, "rb") as file:
        return file.read()[-1:] in (b"", b"\n")


def records(journal):
    """The whole lines of a journal."""
    with open(journal, "rb") as file:
        return [json.loads(line) for line in file.read().rpartition(b"\n")[0].split(b"\n") if line]


def intents(journal):
    return [record["intent"] for record in records(journal) if "intent" in record]


def not_back(scene, step, journal, what):
    # A later run may have taken the file up again: only the last step that speaks of it is held to its word.
    name = step["files"][0]["from"]
    last = [
        (other, intent["number"]) for other in journals(scene) for intent in intents(other)
        if intent["files"][0]["from"] == name
    ][-1]
    if last != (journal, step["number"]):
        return []
    return [
        f"{move['from']} is not back ({what})" for move in step["files"]
        if tree_of(move["from"]) != scene.before[move["from"]]
    ]


def not_done(step):
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


def half_done(scene):
    """Steps that a kill has left half way."""
    count = 0
    for journal in journals(scene):
        states = {}
        for record in records(journal):
            (kind, value), = record.items()
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


def done_files(scene):
    """The files of the steps that the journals call done."""
    for journal in journals(scene):
        steps = {step["number"]: step for step in intents(journal)}
        for record in records(journal):
            if "done" in record:
                yield from (move["from"] for move in steps[record["done"]]["files"])
