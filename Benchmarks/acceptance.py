"""What the main job must show, measured on the built binary: python3 acceptance.py BINARY PHOTOS [--data DIR] [PART ...]

PHOTOS is a folder of distinct photographs. Parts: self, copies, outliers, recall, rerun, killed, startup (default: all).
`outliers` and `recall` need --data DIR with pictures.jsonl and its .bin shards (one JSON line a picture: shard, offset,
length, split, label). Needs Pillow. Prints one line per figure; changes nothing but a scratch folder.
"""
import argparse, io, json, os, random, shutil, signal, statistics, subprocess, sys, tempfile, time
from collections import defaultdict
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

SEED = 20261123


class Program:
    """The binary with an index of its own."""

    def __init__(self, binary, index):
        self.binary, self.index = str(Path(binary).resolve()), str(index)

    def run(self, *arguments, ok=(0,)):
        done = subprocess.run([self.binary, *map(str, arguments), "--index", self.index], capture_output=True, text=True)
        if done.returncode not in ok:
            sys.exit(f"imgvec {arguments} ended with {done.returncode}: {done.stderr}")
        return done

    def json(self, *arguments, ok=(0, 1)):
        return json.loads(self.run(*arguments, "--format", "json", ok=ok).stdout or "[]")


def find_self(binary, photos, scratch):
    program = Program(binary, scratch / "self")
    start = time.time()
    print("index:", program.run("index", photos, ok=(0, 3)).stderr.strip().splitlines()[-1])
    print(f"index wall: {time.time() - start:.2f} s")
    files = sorted(p for p in Path(photos).resolve().iterdir() if p.suffix.lower() in {".jpg", ".jpeg", ".png"})
    first = sum(program.json("find", "--image", p, "--top", 1)[0]["path"] == str(p) for p in files)
    print(f"finds itself first: {first} of {len(files)}")
    outside = scratch / "query.jpg"
    moved = 0
    for photo in files:
        shutil.copyfile(photo, outside)  # not indexed under this name: decoded and embedded anew
        moved += program.json("find", "--image", outside, "--top", 1)[0]["path"] == str(photo)
    print(f"found first from a copy outside the index: {moved} of {len(files)}")
    words = "dog cat bird car boat flower food castle water person".split()
    for word in words:
        names = [Path(hit["path"]).stem for hit in program.json("find", "--text", word, "--top", 5)]
        print(f"  {word}: {', '.join(names)}")


def derive(photo, folder):
    """The edits people make, saved as JPEG unless they are about the format."""
    picture = ImageOps.exif_transpose(Image.open(photo)).convert("RGB")
    width, height = picture.size
    stem = photo.stem

    def save(name, image, **options):
        image.save(folder / f"{stem}~{name}.jpg", quality=options.pop("quality", 90), **options)

    save("q50", picture, quality=50)
    save("half", picture.resize((max(1, width // 2), max(1, height // 2)), Image.Resampling.LANCZOS))
    dx, dy = round(width * 0.05), round(height * 0.05)
    save("crop10", picture.crop((dx, dy, width - dx, height - dy)))
    save("grey", picture.convert("L"))
    marked = picture.copy()
    draw = ImageDraw.Draw(marked, "RGBA")
    size = max(12, height // 12)
    draw.text((width * 0.05, height * 0.85), "© somebody 2026", fill=(255, 255, 255, 160), font_size=size)
    save("watermark", marked)


def copies(binary, photos, scratch):
    folder = scratch / "copies"
    folder.mkdir()
    originals = sorted(p for p in Path(photos).iterdir() if p.suffix.lower() in {".jpg", ".jpeg", ".png"})
    for photo in originals:
        shutil.copyfile(photo, folder / photo.name)
        derive(photo, folder)
    program = Program(binary, scratch / "copies-index")
    program.run("index", folder, ok=(0, 3))
    start = time.time()
    groups = program.json("dupes")
    seconds = time.time() - start
    source = lambda path: Path(path).stem.split("~")[0]
    kind = lambda path: (Path(path).stem.split("~") + ["original"])[1]
    # A derived file counts as found when it stands in a group whose kept file is of the same photograph.
    found, wrong, pairs = defaultdict(int), 0, 0
    for group in groups:
        kept = group["members"][0]["path"]
        for member in group["members"][1:]:
            pairs += 1
            if source(member["path"]) == source(kept):
                found[kind(member["path"])] += 1
            else:
                wrong += 1
                print(f"  wrong: {member['path']} with {kept} ({member['level']}, {member['score']:.3f})")
    kinds = ["q50", "half", "crop10", "grey", "watermark"]
    # One file of each photograph is the kept one; every other one should be a member.
    total = len(originals) * len(kinds)
    print(f"dupes: {len(groups)} groups in {seconds:.2f} s; recall {sum(found.values()) / total:.4f} "
          f"({sum(found.values())} of {total}), precision {1 - wrong / max(1, pairs):.4f} ({wrong} wrong of {pairs})")
    print("  members found by kind:", dict(found))
    distinct = Program(binary, scratch / "distinct")
    distinct.run("index", photos, ok=(0, 3))
    alone = distinct.json("dupes")
    print(f"dupes among the distinct photographs alone: {len(alone)} groups")


def auroc(positive, negative):
    wins = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
    return wins / (len(positive) * len(negative))


def held_out(data):
    """The pictures that the embedded model was not trained on."""
    return [row for row in map(json.loads, open(Path(data) / "pictures.jsonl")) if row["split"] == "dev"]


def write_picture(data, row, path):
    with open(Path(data) / row["shard"], "rb") as shard:
        shard.seek(row["offset"])
        path.write_bytes(shard.read(row["length"]))


def recall(binary, data, scratch, queries=300):
    if not data:
        return print("recall: no --data, skipped")
    folder = scratch / "recall"
    folder.mkdir()
    for number, row in enumerate(held_out(data)):
        write_picture(data, row, folder / f"{number:05}.webp")
    program = Program(binary, scratch / "recall-index")
    print("index:", program.run("index", folder, ok=(0, 3)).stderr.strip().splitlines()[-1])
    files = sorted(folder.iterdir())
    found = 0
    for picture in random.Random(SEED).sample(files, queries):
        near = {hit["path"] for hit in program.json("find", "--image", picture, "--top", 10)}
        true = {hit["path"] for hit in program.json("find", "--image", picture, "--top", 10, "--exact")}
        found += len(near & true)
    print(f"recall@10 of the default search against --exact, {len(files)} pictures, {queries} queries: {found / (10 * queries):.4f}")


def outliers(binary, data, scratch):
    if not data:
        return print("outliers: no --data, skipped")
    rows = held_out(data)
    labels = defaultdict(list)
    for row in rows:
        if "label" in row:
            labels[row["label"]].append(row)
    chosen = sorted((name for name in labels if len(labels[name]) >= 20), key=lambda name: (-len(labels[name]), name))[:20]
    rng = random.Random(SEED)
    results = defaultdict(list)
    for name in chosen:
        folder = scratch / "outliers" / name.replace("/", "_").replace(" ", "-")
        folder.mkdir(parents=True)
        others = rng.sample([row for other in sorted(labels) if other != name for row in labels[other]], 20)
        for kind, members in (("in", labels[name][:100]), ("out", others)):
            for number, row in enumerate(members):
                write_picture(data, row, folder / f"{kind}-{number:03}.webp")
        program = Program(binary, scratch / "outliers-index" / folder.name)
        program.run("index", folder, ok=(0, 3))
        for method in ("knn", "lof"):
            scores = {Path(row["path"]).name: row["score"] for row in program.json("anomalies", "--method", method, "--top", 1000)}
            value = auroc([v for k, v in scores.items() if k.startswith("out")], [v for k, v in scores.items() if k.startswith("in")])
            results[method].append((value, name))
    for method, values in results.items():
        values.sort()
        print(f"outliers, {method}: AUROC mean {statistics.mean(v for v, _ in values):.3f} over {len(values)} classes, "
              f"worst {values[0][0]:.3f} ({values[0][1]}), best {values[-1][0]:.3f} ({values[-1][1]})")


def rerun(binary, photos, scratch, count=10_000):
    folder = scratch / "many"
    folder.mkdir()
    sources = [ImageOps.exif_transpose(Image.open(p)).convert("RGB").resize((320, 240))
               for p in sorted(Path(photos).iterdir()) if p.suffix.lower() in {".jpg", ".jpeg", ".png"}]
    rng = random.Random(SEED)
    for number in range(count):
        buffer = io.BytesIO()
        x, y = rng.randrange(40), rng.randrange(30)
        sources[number % len(sources)].crop((x, y, x + 280, y + 210)).save(buffer, "JPEG", quality=rng.randrange(70, 95))
        sub = folder / f"{number % 100:02}"
        sub.mkdir(exist_ok=True)
        (sub / f"{number:05}.jpg").write_bytes(buffer.getvalue())
    program = Program(binary, scratch / "many-index")
    for label in ("first run", "second run, unchanged"):
        start = time.time()
        words = program.run("index", folder).stderr.strip().splitlines()[-1]
        print(f"{label} over {count} files: {time.time() - start:.2f} s ({words})")
    folder.rename(scratch / "renamed")
    start = time.time()
    words = program.run("index", scratch / "renamed").stderr.strip().splitlines()[-1]
    print(f"renamed folder, {count} files: {time.time() - start:.2f} s ({words})")


def killed(binary, photos, scratch, times=20):
    folder = scratch / "kill"
    folder.mkdir()
    for photo in sorted(Path(photos).iterdir()):
        if photo.suffix.lower() in {".jpg", ".jpeg", ".png"}:
            for copy in range(30):  # bytes after the end of the picture make another content of it
                (folder / f"{copy}-{photo.name}").write_bytes(photo.read_bytes() + b"copy %d" % copy)
    whole = Program(binary, scratch / "kill-whole")
    start = time.time()
    whole.run("index", folder)
    seconds = time.time() - start
    rng = random.Random(SEED)
    broken = Program(binary, scratch / "kill-broken")
    count, indexed = len(list(folder.iterdir())), []
    for _ in range(times):
        # A moment within what is left to do, so that every kill finds the program at work.
        left = seconds * (1 - (indexed[-1] if indexed else 0) / count)
        process = subprocess.Popen([broken.binary, "index", str(folder), "--index", broken.index], stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.05, max(0.3, 0.4 * left)))
        process.send_signal(signal.SIGKILL)
        process.wait()
        if (Path(broken.index) / "catalog.sqlite").exists():
            indexed.append(json.loads(broken.run("status", "--json").stdout)["indexed"])
            broken.run("verify")
    print("pictures in the index after each kill:", indexed)
    print("finishing run:", broken.run("index", folder).stderr.strip().splitlines()[-1])
    broken.run("verify")
    answer = lambda program: sorted(program.run("find", "--text", "dog", "--top", 100_000, "--exact").stdout.splitlines())
    vectors = lambda program: json.loads(program.run("status", "--json").stdout)["models"][0]["vectors"]
    print(f"killed {times} times: same answers as an undisturbed run: {answer(whole) == answer(broken)}; "
          f"vectors {vectors(broken)} of {vectors(whole)}")


def startup(binary, photos, scratch):
    program = Program(binary, scratch / "startup")
    program.run("index", photos, ok=(0, 3))
    photo = next(p for p in sorted(Path(photos).iterdir()) if p.suffix.lower() == ".jpg")
    for name, arguments in {
        "--help": ["--help"], "find --text": ["find", "--text", "dog", "--index", program.index],
        "find --image (indexed)": ["find", "--image", str(photo), "--index", program.index],
    }.items():
        times = []
        for _ in range(21):
            start = time.perf_counter()
            subprocess.run([program.binary, *arguments], stdout=subprocess.DEVNULL, check=True)
            times.append(1000 * (time.perf_counter() - start))
        times = sorted(times[1:])
        print(f"{name}: median {statistics.median(times):.1f} ms, min {times[0]:.1f}, p95 {times[-2]:.1f} (whole process, 20 runs)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("photos")
    parser.add_argument("--data")
    parser.add_argument("parts", nargs="*")
    options = parser.parse_intermixed_args()
    parts = {
        "self": lambda s: find_self(options.binary, options.photos, s),
        "copies": lambda s: copies(options.binary, options.photos, s),
        "outliers": lambda s: outliers(options.binary, options.data, s),
        "recall": lambda s: recall(options.binary, options.data, s),
        "rerun": lambda s: rerun(options.binary, options.photos, s),
        "killed": lambda s: killed(options.binary, options.photos, s),
        "startup": lambda s: startup(options.binary, options.photos, s),
    }
    for name in options.parts or parts:
        print(f"== {name}", flush=True)
        with tempfile.TemporaryDirectory(prefix="imgvec-acceptance-") as scratch:
            parts[name](Path(scratch))


if __name__ == "__main__":
    main()
