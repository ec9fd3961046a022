"""How good a model's vectors are, measured through the built binary: python3 evaluation.py BINARY DATA [--model NAME] [--dupes]

DATA holds pictures/pictures.jsonl and the shards it points into: one JSON line a picture with shard, offset, length, source,
split, and label or captions. Only the `dev` split is read. Everything comes from `imgvec embed`, and with --dupes also from
`imgvec index` and `imgvec dupes`; beside it stand a 64-bit perceptual hash, PDQ, and a descriptor of colours and gradients that
knows nothing. Prints a Markdown table for Docs/Models.md. Needs what evaluation-requirements.txt names. About ten minutes.
"""
import argparse
import collections
import io
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import imagehash
import numpy as np
import pdqhash
from PIL import Image

from evaluation_edits import EDITS

COPIED, NEIGHBOURS, CLASSES, ALIKE = 500, 5, 50, 0.95


def read_dev(data):
    """Rows of the dev split and their files' bytes."""
    rows, files = [], {}
    with open(data / "pictures" / "pictures.jsonl") as lines:
        for line in lines:
            row = json.loads(line)
            if row["split"] == "dev":
                file = files.setdefault(row["shard"], open(data / "pictures" / row["shard"], "rb"))
                file.seek(row["offset"])
                row["bytes"] = file.read(row["length"])
                rows.append(row)
    return rows


class Binary:
    def __init__(self, path, model):
        self.path, self.model = str(Path(path).resolve()), ["--model", model] if model else []

    def run(self, *arguments, ok=(0,)):
        done = subprocess.run([self.path, *map(str, arguments)], capture_output=True, text=True)
        if done.returncode not in ok:
            sys.exit(f"imgvec {' '.join(map(str, arguments[:4]))} ended with {done.returncode}: {done.stderr[-2000:]}")
        return done.stdout

    def pictures(self, paths, scratch):
        names = scratch / "paths"
        names.write_text("".join(f"{path}\n" for path in paths))
        self.run("embed", "--files-from", names, "--npy", scratch / "v.npy", *self.model)
        return np.load(scratch / "v.npy")

    def texts(self, texts, scratch):
        pieces = []
        for start in range(0, len(texts), 500):
            words = [item for text in texts[start:start + 500] for item in ("--text", text)]
            self.run("embed", *words, "--npy", scratch / "t.npy", *self.model)
            pieces.append(np.load(scratch / "t.npy"))
        return np.concatenate(pieces)


def unit(vectors):
    vectors = np.asarray(vectors, np.float32)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def bits(values):
    """Bits as a vector whose cosine is 1 less twice the share of bits that differ."""
    return unit(np.where(np.asarray(values).reshape(len(values), -1) > 0, 1, -1))


def colours_and_gradients(image):
    """A 4x4 grid of mean colours and of gradient orientations: what a descriptor without learning knows."""
    small = np.asarray(image.resize((32, 32), Image.BOX), np.float32) / 255
    colours = small.reshape(4, 8, 4, 8, 3).mean((1, 3)).reshape(-1)
    dy, dx = np.gradient(small.mean(2))
    place = np.minimum((np.arctan2(dy, dx) % np.pi / np.pi * 6).astype(int), 5)
    strength = np.hypot(dx, dy)[..., None] * np.eye(6, dtype=np.float32)[place]
    gradients = strength.reshape(4, 8, 4, 8, 6).sum((1, 3)).reshape(-1)
    centred = lambda x: (x - x.mean()) / (np.linalg.norm(x - x.mean()) + 1e-6)
    return np.concatenate([centred(colours), centred(gradients)])


def text_figures(rows, images, queries, labels, captions, owner, place):
    """Label queries, zero-shot classification and caption search."""
    numbers = np.array([labels.index(row["label"]) if "label" in row else -1 for row in rows])
    counts = np.bincount(numbers[numbers >= 0], minlength=len(labels))
    hits = [(numbers[np.argsort(-(images @ queries[n]), kind="stable")[:10]] == n).mean() for n in np.flatnonzero(counts >= 10)]
    known = numbers >= 0
    right = np.argsort(-(images[known] @ queries.T), 1)[:, :5] == numbers[known][:, None]
    figures = {f"P@10 of label queries, {len(hits)} labels with 10 or more pictures": np.mean(hits),
               f"zero-shot top-1, {len(labels)} labels": right[:, 0].mean(), f"zero-shot top-5, {len(labels)} labels": right.any(1).mean()}
    cosine = captions @ images[place].T
    rank = (cosine > cosine[np.arange(len(owner)), owner][:, None]).sum(1)
    best = np.array([min(np.argsort(np.argsort(-cosine[:, n], kind="stable"))[owner == n]) for n in range(len(place))])
    for direction, ranks in (("text→image", rank), ("image→text", best)):
        figures |= {f"Flickr8k {direction} R@{k}, {len(place)} photos": (ranks < k).mean() for k in (1, 5, 10)}
    return figures


def picture_figures(rows, images):
    """Neighbours of the same label, and outliers of one label's pictures among all others."""
    names = sorted({row["label"] for row in rows if "label" in row})
    numbers = np.array([names.index(row["label"]) if "label" in row else -1 for row in rows])
    known = np.flatnonzero(numbers >= 0)
    of = numbers[known]
    cosine = images[known] @ images[known].T
    np.fill_diagonal(cosine, -2)
    several = np.bincount(of)[of] > 1
    figures = {"nearest neighbour has the same label": (of[cosine.argmax(1)] == of)[several].mean()}
    scores = []
    for n in np.argsort(-np.bincount(of), kind="stable")[:CLASSES]:
        members = np.flatnonzero(numbers == n)
        normal, inside = images[members[::2]], images[members[1::2]]
        distance = lambda x: -np.sort(x @ normal.T, 1)[:, -NEIGHBOURS:].mean(1)
        a, b = np.sort(distance(inside)), distance(images[(numbers != n) & (numbers >= 0)])
        scores.append(((np.searchsorted(a, b) + np.searchsorted(a, b, "right")) / 2 / len(a)).mean())
    return figures | {f"anomaly AUROC, mean of {CLASSES} labels": np.mean(scores)}


def thumbnails(pictures):
    """16x16 thumbnails as unit vectors. Two whose product is above ALIKE show one photo: the data holds some twice, and to
    call them copies is right."""
    x = np.stack([np.asarray(p.resize((16, 16), Image.BOX), np.float32).ravel() for p in pictures])
    return unit(x - x.mean(1, keepdims=True))


def recall_at_precision(right, wrong, total, wanted=0.99):
    """The largest share of `total` that one threshold finds with `wanted` of all it reports being right."""
    right, wrong = np.sort(right), np.sort(wrong)
    found = len(right) - np.searchsorted(right, right)
    false = len(wrong) - np.searchsorted(wrong, right)
    good = np.flatnonzero(found / (found + false) >= wanted)
    return found[good[0]] / total if len(good) else 0.0


def copy_figures(images, edited, chosen, alike):
    """Per edit, copies searched among all dev pictures: recall at precision .99 over all pairs."""
    figures, own, others = {}, [], []
    for name, vectors in edited.items():
        cosine = vectors @ images.T
        own.append(cosine[np.arange(len(chosen)), chosen])
        others.append(np.where(alike, -2, cosine).ravel())
        figures[f"copies, {name}"] = recall_at_precision(own[-1], others[-1], len(chosen))
    mean = np.mean(list(figures.values()))
    return {"copies: recall at precision .99, mean of the edits": mean,
            "copies: the same with one threshold for all edits": recall_at_precision(
                np.concatenate(own), np.concatenate(others), len(chosen) * len(edited))} | figures


def dupes_figures(binary, folder, scratch, chosen, thumbs):
    """The same copies found by `imgvec dupes --level edits`, which looks at the pixels too.

    Recall: edits that are in a group with the picture they were made of. Precision: of all pairs that are reported, each
    member of a group with the picture kept, those that are of one photo; pairs of two dev pictures of which nothing was
    made count as well."""
    index = scratch / "index"
    binary.run("index", folder, "--index", index, *binary.model, ok=(0, 3))
    groups = json.loads(binary.run("dupes", "--level", "edits", "--index", index, "--format", "json", *binary.model, ok=(0, 1)) or "[]")
    photo = lambda path: int(Path(path).stem.split("~")[0])
    found, right, wrong = set(), 0, []
    for group in groups:
        members = [member["path"] for member in group["members"]]  # the kept one is among them
        whole = {photo(path) for path in members if "~" not in path}
        found |= {Path(path).stem for path in members if "~" in path and photo(path) in whole}
        kept = photo(group["keep"])
        for path in members:
            if path != group["keep"]:
                if photo(path) == kept or thumbs[photo(path)] @ thumbs[kept] > ALIKE:
                    right += 1
                else:
                    wrong.append((Path(group["keep"]).name, Path(path).name))
    for pair in wrong:
        print("imgvec dupes, wrong:", *pair, file=sys.stderr)
    hits = collections.Counter(name.split("~")[1] for name in found)
    recalls = {f"copies, {name}": hits[name.replace(" ", "_")] / len(chosen) for name in EDITS}
    return {"copies: recall at precision .99, mean of the edits": np.mean(list(recalls.values()))} | recalls, right, len(wrong)


def imagededup_cnn(paths):
    """imagededup's CNN vectors, or why there are none: without its downloaded weights it is no peer."""
    try:
        from imagededup.methods import CNN
        return np.concatenate([CNN(verbose=False).encode_image(image_file=str(path)) for path in paths]), None
    except Exception as error:  # whatever it is, the table says so
        return None, f"{type(error).__name__}: {str(error).splitlines()[0][:120] if str(error) else ''}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", help="an installed model instead of the one inside imgvec")
    parser.add_argument("--dupes", action="store_true", help="also run `imgvec dupes` on the copies (tens of minutes more)")
    options = parser.parse_args()
    binary, rows = Binary(options.binary, options.model), read_dev(options.data)
    labels = sorted({row["label"] for row in rows if "label" in row})
    place = [n for n, row in enumerate(rows) if row["source"] == "flickr8k"]
    captions = [(text, k) for k, n in enumerate(place) for text in rows[n]["captions"]]
    chosen = np.random.default_rng(5).choice(len(rows), COPIED, replace=False)
    with tempfile.TemporaryDirectory() as scratch:
        scratch, folder = Path(scratch), Path(scratch) / "pictures"
        folder.mkdir()
        pictures, paths, edited_paths = [], [], {name: [] for name in EDITS}
        for n, row in enumerate(rows):
            paths.append(folder / f"{n:05}.webp")
            paths[-1].write_bytes(row["bytes"])
            pictures.append(Image.open(io.BytesIO(row["bytes"])).convert("RGB"))
        for name, edit in EDITS.items():
            for n in chosen:
                path = folder / f"{n:05}~{name.replace(' ', '_')}.jpg"
                result = edit(pictures[n])
                path.write_bytes(result) if isinstance(result, bytes) else result.save(path, quality=90)
                edited_paths[name].append(path)
        thumbs = thumbnails(pictures)
        alike = thumbs[chosen] @ thumbs.T > ALIKE

        def measure(describe):
            images = describe(paths)
            return picture_figures(rows, images) | copy_figures(images, {k: describe(v) for k, v in edited_paths.items()}, chosen, alike)

        opened = lambda f: lambda files: [f(Image.open(path).convert("RGB")) for path in files]
        started = time.time()
        print("imgvec ...", file=sys.stderr)
        images = binary.pictures(paths, scratch)
        table = {"imgvec": text_figures(
            rows, images, binary.texts(labels, scratch), labels, binary.texts([text for text, _ in captions], scratch),
            np.array([k for _, k in captions]), place)}
        table["imgvec"] |= measure(lambda files: images if files is paths else binary.pictures(files, scratch))
        print("hashes and descriptor ...", file=sys.stderr)
        table["pHash, 64 bits"] = measure(lambda files: bits([h.hash for h in opened(imagehash.phash)(files)]))
        table["PDQ"] = measure(lambda files: bits(opened(lambda im: pdqhash.compute(np.asarray(im))[0])(files)))
        table["colours, gradients"] = measure(lambda files: unit(opened(colours_and_gradients)(files)))
        vectors, reason = imagededup_cnn(paths[:1])
        if reason is None:
            table["imagededup CNN"] = measure(lambda files: unit(imagededup_cnn(files)[0]))
        notes = [] if reason is None else [f"imagededup's CNN was not measured: {reason}"]
        if options.dupes:
            print("imgvec dupes ...", file=sys.stderr)
            began = time.time()
            table["imgvec dupes"], right, wrong = dupes_figures(binary, folder, scratch, chosen, thumbs)
            notes.append(f"`imgvec dupes --level edits` is measured as it answers, without a threshold to choose, in one run over all "
                         f"pictures and edits: precision {right / max(right + wrong, 1):.4f}, {wrong} wrong of all {right + wrong} pairs reported.")
            print(f"index and dupes: {time.time() - began:.0f} s", file=sys.stderr)
    figures = list(dict.fromkeys(name for column in table.values() for name in column))
    print(f"| measure | {' | '.join(table)} |\n|---|{'---|' * len(table)}")
    for name in figures:
        print(f"| {name} | " + " | ".join(f"{column[name]:.3f}" if name in column else "–" for column in table.values()) + " |")
    print("\n" + "\n".join(notes))
    print(f"{time.time() - started:.0f} s, {len(rows)} pictures, {COPIED} copied, {len(EDITS)} edits", file=sys.stderr)


if __name__ == "__main__":
    main()
