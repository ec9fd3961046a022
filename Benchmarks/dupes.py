"""Finding copies: imgvec beside the tools people use, on attacked photographs among hard negatives.

    python3 dupes.py BINARY PHOTOS [--distractors DIR] [--data DIR] [--half tune|report|all] [--peers NAME,...] [--keep DIR]
                     [--results FILE] [--rates]

PHOTOS is a folder of distinct photographs: every second one (by name) is attacked, the others are used in the collages;
--half says which (`tune` the 1st, 3rd, ..., what thresholds were chosen on; `report` the others). Distractors
are hard negatives, pictures of the same kinds of things that are not copies of each other: a folder, or from --data (a
folder with pictures.jsonl and .bin shards as acceptance.py takes it) some held-out pictures of each label. Bursts
cannot be made from single photographs honestly; same-label pictures with a few true series among them stand in.

Recall of an attack: attacked pictures that are paired with their original in a run over the originals and that attack
alone, so that attacks cannot help each other. Precision: of all pairs in one run over everything, originals, all
attacks and distractors, those of one photograph; pairs of distractors that a person has called true copies (--true FILE,
lines of two names) are left out. imgvec reports groups: its pairs are those of each member with the kept picture.
"images/s" counts everything from the files to the pairs of that run; peak memory is that of the largest process, Python
and its libraries included where the tool is one of theirs. Needs requirements-dupes.txt; a peer that is not installed,
or whose weights cannot be had, is named and left out. --results writes the figures as JSON. --rates leaves the recalls out,
which do not depend on what else the machine does: only the run over everything, for its rate and memory.
"""
import argparse
import base64
import json
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from attacks import COPIES, EDITS

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


# ---- material

def attack_photos(photos, half, folder):
    files = sorted(p for p in Path(photos).iterdir() if p.suffix.lower() in SUFFIXES)
    chosen = {"tune": files[0::2], "report": files[1::2], "all": files}[half]
    rest = {"tune": files[1::2], "report": files[0::2], "all": files}[half]
    (folder / "originals").mkdir(parents=True)
    for photo in chosen:
        name = photo.stem.replace(" ", "_")
        picture = ImageOps.exif_transpose(Image.open(photo)).convert("RGB")
        (folder / "originals" / f"{name}{photo.suffix.lower()}").write_bytes(photo.read_bytes())
        for attack, change in {**COPIES, **EDITS}.items():
            rng = random.Random(f"{attack} {name}")
            other = lambda: Image.open(rng.choice([p for p in rest if p != photo])).convert("RGB")
            data = change(picture, rng, other)
            kind = "png" if data[:4] == b"\x89PNG" else "webp" if data[:4] == b"RIFF" else "jpg"
            place = folder / "attacks" / attack
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{name}.{kind}").write_bytes(data)
    return len(chosen)


def add_distractors(options, folder):
    place = folder / "distractors"
    place.mkdir()
    if options.distractors:
        for photo in sorted(p for p in Path(options.distractors).rglob("*") if p.suffix.lower() in SUFFIXES):
            (place / photo.name).write_bytes(photo.read_bytes())
    elif options.data:
        labels = defaultdict(list)
        with open(Path(options.data) / "pictures.jsonl") as rows:
            for number, row in enumerate(map(json.loads, rows)):
                if row["split"] == "dev":
                    labels[row["source"], row.get("label")].append((number, row))
        for members in labels.values():
            for number, row in members[:options.per_label if members[0][1].get("label") else 40 * options.per_label]:
                with open(Path(options.data) / row["shard"], "rb") as shard:
                    shard.seek(row["offset"])
                    (place / f"{number:06}.webp").write_bytes(shard.read(row["length"]))
    return len(list(place.iterdir()))


# ---- tools: each gives, for a run (a list of files), the pairs it calls copies

class Tool:
    """`prepare` sees every file once; `pairs` may be asked again and again."""
    memory = 0  # kB, of processes that the tool starts

    def peak(self):
        return self.memory or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def prepare(self, files):
        raise NotImplementedError

    def pairs(self, files):
        raise NotImplementedError


# A process inherits the peak of the one that starts it: between this one and the binary stands one that is small.
ASIDE = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[2:]).returncode
with open(sys.argv[1], "w") as out:
    out.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(status)
"""


class Imgvec(Tool):
    def __init__(self, binary, level, folder, scratch):
        self.binary, self.level, self.folder = str(Path(binary).resolve()), level, folder
        self.index, self.told = str(scratch / f"index-{level}"), scratch / f"memory-{level}"

    def run(self, *arguments):
        done = subprocess.run([sys.executable, "-S", "-c", ASIDE, str(self.told), self.binary, *map(str, arguments),
                               "--index", self.index], capture_output=True, text=True)
        if done.returncode not in (0, 1):
            sys.exit(f"imgvec {arguments} ended with {done.returncode}: {done.stderr}")
        self.memory = max(self.memory, int(self.told.read_text()))
        return done.stdout

    def prepare(self, files):
        self.run("index", self.folder, "--quiet")

    def pairs(self, files):
        folders = sorted({str(Path(f).parent) for f in files})
        groups = self.run("dupes", "--level", self.level, "--format", "jsonl",
                          *[word for place in folders for word in ("--in", place)])
        for line in groups.splitlines():
            members = [member["path"] for member in json.loads(line)["members"]]
            yield from ((members[0], other) for other in members[1:])


class Hashes(Tool):
    """Bit strings compared by Hamming distance, all with all."""

    def __init__(self, limit, compute):
        self.limit, self.compute, self.bits = limit, compute, {}

    def prepare(self, files):
        for file in files:
            self.bits[file] = self.compute(file)

    def pairs(self, files):
        files = [file for file in files if self.bits[file] is not None]
        matrix = np.array([self.bits[file] for file in files], np.float32) * 2 - 1
        limit = matrix.shape[1] - 2 * self.limit
        for start in range(0, len(files), 1024):
            near = matrix[start:start + 1024] @ matrix.T >= limit - 0.5
            for i, j in zip(*np.nonzero(near)):
                if j > start + i:
                    yield files[start + i], files[j]


class Vectors(Hashes):
    """Unit vectors compared by cosine."""

    def pairs(self, files):
        files = [file for file in files if self.bits[file] is not None]
        matrix = np.array([self.bits[file] for file in files], np.float32)
        for start in range(0, len(files), 1024):
            for i, j in zip(*np.nonzero(matrix[start:start + 1024] @ matrix.T >= self.limit)):
                if j > start + i:
                    yield files[start + i], files[j]


def hexadecimal(text):
    return [int(bit) for bit in bin(int(text, 16))[2:].zfill(4 * len(text))]


def czkawka_binding():
    """The czkawka library through its Python binding, at 64 bits and a limit of 5; its own command line hashes with 256 bits by default."""
    import czkawka
    finder = czkawka.ImageSimilarity()
    bits = lambda text: np.unpackbits(np.frombuffer(base64.urlsafe_b64decode(text.replace("+", "-").replace("/", "_") + "="), np.uint8))
    return Hashes(5, lambda file: bits(finder.hash_image(file)))


def phash():
    import imagehash
    return Hashes(10, lambda file: imagehash.phash(Image.open(file)).hash.flatten().astype(int))


def imagededup_phash():
    from imagededup.methods import PHash
    method = PHash(verbose=False)
    return Hashes(10, lambda file: hexadecimal(method.encode_image(image_file=file)))


def imagededup_cnn():
    from imagededup.methods import CNN
    method = CNN(verbose=False)  # loads its weights from the network when they are not in torch's cache

    def compute(file):
        vector = method.encode_image(image_file=file)[0]
        return vector / np.linalg.norm(vector)
    return Vectors(0.9, compute)


def pdq():
    import pdqhash

    def compute(file):
        bits, quality = pdqhash.compute(np.asarray(Image.open(file).convert("RGB")))
        return bits if quality >= 50 else None  # as its authors advise
    return Hashes(31, compute)


def pdq_turned():
    """PDQ with the hashes of all eight orientations of one side."""
    import pdqhash

    class Turned(Hashes):
        def pairs(self, files):
            files = [file for file in files if self.bits[file] is not None]
            mine = np.array([self.bits[file][0] for file in files], np.float32) * 2 - 1
            found = set()
            for turn in range(8):
                others = np.array([self.bits[file][turn] for file in files], np.float32) * 2 - 1
                for i, j in zip(*np.nonzero(mine @ others.T >= 256 - 2 * 31 - 0.5)):
                    if i != j:
                        found.add((files[min(i, j)], files[max(i, j)]))
            return found

    def compute(file):
        bits, quality = pdqhash.compute_dihedral(np.asarray(Image.open(file).convert("RGB")))
        return bits if quality >= 50 else None
    return Turned(31, compute)


PEERS = {"pHash 64 ≤ 10": phash, "imagededup PHash ≤ 10": imagededup_phash, "imagededup CNN ≥ 0.9": imagededup_cnn,
         "czkawka ≤ 5": czkawka_binding,
         "PDQ ≤ 31": pdq, "PDQ ≤ 31, 8 ways": pdq_turned}


# ---- measuring

def measure(tool, files, runs, known):
    """Time, memory, recall by attack and all wrong pairs of a tool; to be called in a process of its own."""
    photo = lambda file: None if "/distractors/" in file else Path(file).stem
    start = time.time()
    tool.prepare(files)
    pairs = list(tool.pairs(files))
    seconds, memory = time.time() - start, tool.peak()
    right = sum(photo(a) is not None and photo(a) == photo(b) for a, b in pairs)
    wrong = {tuple(sorted(pair)) for pair in pairs if photo(pair[0]) is None or photo(pair[0]) != photo(pair[1])
             if frozenset(Path(file).name for file in pair) not in known}
    recall = {}
    for attack, run in runs.items():
        hit = {photo(a) for a, b in tool.pairs(run) if photo(a) is not None and photo(a) == photo(b)}
        recall[attack] = len(hit) / sum("/attacks/" in file for file in run)
    return {"rate": len(files) / seconds, "memory": memory / 1024, "recall": recall, "right": right,
            "wrong": sorted(wrong)}


def in_own_process(make, *arguments):
    """Runs a measurement in a child, so that peak memory is the tool's own."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        try:
            result = measure(make(), *arguments)
        except BaseException as error:  # told to the parent, whatever it is
            result = {"error": f"{type(error).__name__}: {error}"[:200]}
        with os.fdopen(write, "w") as pipe:
            json.dump(result, pipe)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return json.loads(text) if text else {"error": "ended without a word"}


def table(results):
    names = list(results)
    print("\n| attack | " + " | ".join(names) + " |\n| --- |" + " ---: |" * len(names))
    cell = lambda value: f"{value:.2f}"
    if any(results[name]["recall"] for name in names):
        for group, title in ((COPIES, "**mean of copies**"), (EDITS, "**mean of edits**")):
            for attack in group:
                print(f"| {attack} | " + " | ".join(cell(results[n]["recall"][attack]) for n in names) + " |")
            print(f"| {title} | " + " | ".join(
                cell(np.mean([results[n]["recall"][a] for a in group])) for n in names) + " |")
        print("| **mean of all** | " + " | ".join(cell(np.mean(list(results[n]["recall"].values()))) for n in names) + " |")
    for title, value in (
            ("precision", lambda r: f"{r['right'] / max(1, r['right'] + len(r['wrong'])):.4f}"),
            ("wrong pairs", lambda r: len(r["wrong"])), ("images/s", lambda r: f"{r['rate']:.0f}"),
            ("peak memory, MB", lambda r: f"{r['memory']:.0f}")):
        print(f"| {title} | " + " | ".join(str(value(results[n])) for n in names) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("photos")
    parser.add_argument("--distractors")
    parser.add_argument("--data")
    parser.add_argument("--per-label", type=int, default=12)
    parser.add_argument("--half", choices=("tune", "report", "all"), default="report")
    parser.add_argument("--peers", help="names, separated by commas; none: imgvec alone")
    parser.add_argument("--true", help="pairs of distractors that are copies in truth, two names a line")
    parser.add_argument("--keep", help="leave the pictures in this folder")
    parser.add_argument("--rates", action="store_true", help="the run over everything alone, for rate and memory")
    parser.add_argument("--results", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    known = set()
    if options.true:
        known = {frozenset(line.split()) for line in open(options.true) if line.strip() and line[0] != "#"}
    with tempfile.TemporaryDirectory(prefix="imgvec-dupes-") as temporary:
        scratch = Path(options.keep or temporary).resolve()
        folder = scratch / "pictures"
        photos = attack_photos(options.photos, options.half, folder)
        distractors = add_distractors(options, folder)
        listed = lambda place: sorted(str(p) for p in (folder / place).iterdir())
        runs = {attack: listed("originals") + listed(f"attacks/{attack}") for attack in [*COPIES, *EDITS]}
        files = listed("originals") + listed("distractors") + [
            file for attack in runs for file in listed(f"attacks/{attack}")]
        print(f"{photos} photographs, {len(runs)} attacks on each, {distractors} distractors: {len(files)} pictures; "
              f"{os.cpu_count()} cores", flush=True)
        tools = {f"imgvec {level}": lambda level=level: Imgvec(options.binary, level, folder, scratch)
                 for level in ("copies", "edits")}
        wanted = PEERS if options.peers is None else {n: PEERS[n] for n in options.peers.split(",") if n}
        if options.rates:
            runs = {}
        results, missing = {}, {}
        for name, make in {**tools, **wanted}.items():
            result = in_own_process(make, files, runs, known)
            if "error" in result:
                missing[name] = result["error"]
                print(f"{name}: not measured ({result['error']})", flush=True)
            else:
                results[name] = result
                print(f"{name}: done", flush=True)
        table(results)
        for name in results:
            if name.startswith("imgvec"):
                for a, b in results[name]["wrong"]:
                    print(f"{name} wrong: {Path(a).relative_to(folder)} {Path(b).relative_to(folder)}")
        if options.results:
            for result in results.values():
                result["wrong"] = [[str(Path(file).relative_to(folder)) for file in pair] for pair in result["wrong"]]
            options.results.parent.mkdir(parents=True, exist_ok=True)
            options.results.write_text(json.dumps({
                "arguments": {name: str(value) for name, value in vars(options).items()
                              if name in ("half", "per_label", "peers")},
                "photographs": photos, "distractors": distractors, "pictures": len(files), "cores": os.cpu_count(),
                "system": platform.platform(), "tools": results, "not measured": missing}, indent=1) + "\n")


if __name__ == "__main__":
    main()
