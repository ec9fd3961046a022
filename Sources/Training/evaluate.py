"""Measures a checkpoint on the dev pictures, which training never sees.

    python evaluate.py --data ../shared/data --run RUN
"""
import json
import os
import time

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

import tokenizer as tokenizers
from augment import EDITS
from model import VISION, DualEncoder, load_finished, normalise, pad, text_config
from prepare import options_parser


@torch.no_grad()
def image_vectors(model, pixels, batch=256, fast=False):
    out = []
    for start in range(0, len(pixels), batch):
        x = torch.from_numpy(np.ascontiguousarray(pixels[start:start + batch])).permute(0, 3, 1, 2)
        with torch.autocast("cpu", torch.bfloat16, enabled=fast):
            out.append(model.encode_images(normalise(x).contiguous(memory_format=torch.channels_last)))
    return torch.cat(out).numpy()


@torch.no_grad()
def of_texts(encode, tokenizer, texts, batch=256):
    """What `encode` makes of the token ids of texts, some at a time."""
    ids = tokenizer(texts, truncation=True, max_length=32).input_ids
    return torch.cat([encode(pad(ids[s:s + batch], tokenizer.eos_token_id)) for s in range(0, len(ids), batch)])


def text_vectors(model, tokenizer, texts):
    return of_texts(model.encode_texts, tokenizer, texts).numpy()


def label_queries(pictures, images, queries, smallest=10):
    """P@10 of a label typed as a query, over all dev pictures, for labels with at least `smallest` of them."""
    labels = pictures.label_of[pictures.dev]
    hits = []
    for n in np.unique(labels[labels >= 0]):
        if (labels == n).sum() >= smallest:
            top = np.argpartition(-(images @ queries[n]), 10)[:10]
            hits.append((labels[top] == n).mean())
    return {"P@10 of label queries": np.mean(hits), "labels with >= 10 dev pictures": len(hits)}


def zero_shot(pictures, images, queries):
    labels = pictures.label_of[pictures.dev]
    used = np.unique(labels[labels >= 0])
    known = labels >= 0
    order = used[np.argsort(-(images[known] @ queries[used].T), 1)[:, :5]]
    right = order == labels[known][:, None]
    return {"zero-shot top-1": right[:, 0].mean(), "zero-shot top-5": right.any(1).mean(), "labels in zero-shot": len(used)}


def same_label_neighbour(pictures, images):
    """How often the nearest other dev picture has the same label (labels with at least two dev pictures)."""
    labels = pictures.label_of[pictures.dev]
    known = np.flatnonzero(labels >= 0)
    images, labels = images[known], labels[known]
    cosine = images @ images.T
    np.fill_diagonal(cosine, -1)
    several = np.bincount(labels)[labels] > 1
    return {"same-label nearest neighbour": (labels[cosine.argmax(1)] == labels)[several].mean()}


def caption_retrieval(pictures, images, model, tokenizer):
    """Flickr8k dev: each caption searches its photo among the dev photos of that source."""
    place = [n for n, i in enumerate(pictures.dev) if pictures.rows[i]["source"] == "flickr8k"]
    captions, owner = [], []
    for n, at in enumerate(place):
        for caption in pictures.rows[pictures.dev[at]]["captions"]:
            captions.append(caption)
            owner.append(n)
    cosine = text_vectors(model, tokenizer, captions) @ images[place].T
    own = cosine[np.arange(len(owner)), owner]
    rank = (cosine > own[:, None]).sum(1)
    return {f"Flickr8k R@{k}": (rank < k).mean() for k in (1, 5, 10)} | {"Flickr8k photos": len(place)}


def look_alikes(pixels):
    """Pairs of dev pictures whose 16x16 thumbnails correlate above .95, as a boolean matrix: the data has the same photo twice
    and many like shots of like goods. To report such a pair as a copy is no mistake."""
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    x = F.interpolate(x, size=(16, 16), mode="bilinear", antialias=True).float().flatten(1)
    x = F.normalize(x - x.mean(1, keepdim=True), dim=1)
    return (x @ x.T > 0.95).numpy()


def recall_at_precision(right, wrong, wanted, total):
    """The largest share of `total` found by one threshold on the scores at which `wanted` of what is reported is right, and
    that threshold (1 and 0 if there is none)."""
    right, wrong = np.sort(right), np.sort(wrong)
    found = len(right) - np.arange(len(right))
    false = len(wrong) - np.searchsorted(wrong, right)
    good = np.flatnonzero(found / (found + false) >= wanted)
    return (found[good[0]] / total, right[good[0]]) if len(good) else (0.0, 1.0)


def copies(pictures, images, model, count):
    """Edited copies of `count` dev pictures searched among all dev pictures.

    Is the original first? Of all pairs (copy, dev picture), which share of true ones does one threshold find at precision .99? And
    if every copy, and every other dev picture, reports only its best match: which share of copies is found at precision .95?
    """
    chosen = np.random.default_rng(5).choice(len(pictures.dev), count, replace=False)
    alike = look_alikes(pictures.pixels[pictures.dev])
    table, own, best, pairs = {}, [], [], []
    for name, edit in EDITS.items():
        pixels = np.stack([np.asarray(edit(Image.fromarray(pictures.pixels[pictures.dev[n]]))) for n in chosen])
        cosine = image_vectors(model, pixels) @ images.T
        own.append(cosine[np.arange(count), chosen])
        cosine[alike[chosen]] = -1  # the original itself among them
        best.append(cosine.max(1))
        pairs.append(cosine[cosine > 0.8])
        table[f"copies, {name}: original first"] = (own[-1] > best[-1]).mean()
    every, beaten, total = np.concatenate(own), np.concatenate(best), count * len(EDITS)
    recall, threshold = recall_at_precision(every, np.concatenate(pairs), 0.99, total)
    others = np.setdiff1d(np.arange(len(images)), chosen)
    cosine = images[others] @ images.T
    cosine[alike[others]] = -1
    mistakes = np.concatenate([beaten[beaten >= every], cosine.max(1)])
    for name, cosines in zip(EDITS, own):
        table[f"copies, {name}: recall at precision .99"] = (cosines >= threshold).mean()
    return table | {"copies: original first": (every > beaten).mean(), "copies: recall at precision .99 (all pairs)": recall,
                    "copies: its cosine threshold": threshold,
                    "copies: recall at precision .95 (best matches)": recall_at_precision(every[every > beaten], mistakes, 0.95, total)[0]}


def anomalies(pictures, images, classes=50, neighbours=5):
    """One label as the normal collection, everything else as outliers: AUROC of the mean distance to the 5 nearest of half
    the label's dev pictures, for the 50 labels with most dev pictures."""
    labels = pictures.label_of[pictures.dev]
    counts = np.bincount(labels[labels >= 0])
    scores = []
    for n in np.argsort(-counts, kind="stable")[:classes]:
        members = np.flatnonzero(labels == n)
        normal, inside = images[members[::2]], images[members[1::2]]
        outside = images[(labels != n) & (labels >= 0)]
        score = lambda x: -np.sort(x @ normal.T, 1)[:, -neighbours:].mean(1)
        a, b = np.sort(score(inside)), score(outside)
        below = (np.searchsorted(a, b) + np.searchsorted(a, b, "right")) / 2
        scores.append((below / len(a)).mean())
    return {"anomaly AUROC": np.mean(scores)}


def random_pairs(pictures, images, model, tokenizer, queries, pairs=400_000):
    """101 quantiles of the cosine of unrelated pairs: what "this score is high" is measured against."""
    rng = np.random.default_rng(6)
    a, b = rng.integers(len(images), size=(2, pairs))
    cosine = (images[a] * images[b]).sum(1)[a != b]
    texts = np.concatenate([queries, text_vectors(model, tokenizer, [pictures.rows[i]["captions"][0] for i in pictures.dev
                                                                     if pictures.rows[i]["source"] == "flickr8k"])])
    t = rng.integers(len(texts), size=pairs)
    share = np.arange(101) / 100
    return np.quantile(cosine, share), np.quantile((texts[t] * images[a]).sum(1), share)


def quick(model, pictures, tokenizer, fast=True):
    """The metrics to choose by, in some seconds."""
    model.eval()
    images = image_vectors(model, pictures.pixels[pictures.dev], fast=fast)
    queries = text_vectors(model, tokenizer, pictures.labels)
    return (label_queries(pictures, images, queries) | zero_shot(pictures, images, queries) | same_label_neighbour(pictures, images)
            | caption_retrieval(pictures, images, model, tokenizer) | anomalies(pictures, images)), images, queries


def full(model, pictures, tokenizer, count=500):
    table, images, queries = quick(model, pictures, tokenizer, fast=False)
    table |= copies(pictures, images, model, count)
    return {k: round(float(v), 4) for k, v in table.items()}, images, queries


def fitted_model(run, tokenizer):
    """The model that fit.py and querybanks.py left, and how it was trained."""
    state = torch.load(os.path.join(run, "fitted.pt"), weights_only=False)
    model = DualEncoder(VISION, text_config(tokenizer)).to(memory_format=torch.channels_last)
    return load_finished(model, state["model"], state["bank counts"]), state["history"]


def main():
    from data import Pictures

    parser = options_parser()
    options = parser.parse_args()
    started = time.time()
    tokenizer, pictures = tokenizers.load(os.path.join(options.run, "tokenizer")), Pictures(options.data, options.run)
    model, _ = fitted_model(options.run, tokenizer)
    table, _, _ = full(model, pictures, tokenizer)
    print(json.dumps(table, indent=1), f"\n{time.time() - started:.0f} s")


if __name__ == "__main__":
    main()
