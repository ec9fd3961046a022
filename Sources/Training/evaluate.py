"""Measures a checkpoint on the dev pictures, which training never sees.

    python evaluate.py --data ../shared/data --run RUN
"""
import argparse
import json
import os
import time

import numpy as np
import torch
from PIL import Image

import tokenizer as tokenizers
from augment import EDITS
from model import VISION, DualEncoder, normalise, pad, text_config


@torch.no_grad()
def image_vectors(model, pixels, batch=256, fast=False):
    out = []
    for start in range(0, len(pixels), batch):
        x = torch.from_numpy(np.ascontiguousarray(pixels[start:start + batch])).permute(0, 3, 1, 2)
        with torch.autocast("cpu", torch.bfloat16, enabled=fast):
            out.append(model.encode_images(normalise(x).contiguous(memory_format=torch.channels_last)))
    return torch.cat(out).numpy()


@torch.no_grad()
def text_vectors(model, tokenizer, texts, batch=256):
    ids = tokenizer(texts, truncation=True, max_length=32).input_ids
    return torch.cat([model.encode_texts(pad(ids[s:s + batch], tokenizer.eos_token_id)) for s in range(0, len(ids), batch)]).numpy()


@torch.no_grad()
def settle_statistics(model, pictures, batches=24, batch=192):
    """Takes the batch-norm statistics anew from plain training pictures at full size. Training's own mix crops, colours and sizes;
    with statistics taken at 64x64 label queries at 112x112 scored a third of what they do with these."""
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over all batches
    rng = np.random.default_rng(7)
    model.train()
    for _ in range(batches):
        chosen = np.sort(rng.choice(pictures.train, batch, replace=False))
        image_vectors(model, pictures.pixels[chosen], batch)
    model.eval()


def checkpoint_model(run, tokenizer, pictures):
    """The averaged model of a checkpoint as it is exported, before rounding, and the checkpoint's step and seconds."""
    state = torch.load(os.path.join(run, "checkpoint.pt"), weights_only=False)
    model = DualEncoder(VISION, text_config(tokenizer)).to(memory_format=torch.channels_last)
    model.load_state_dict(state["average"])
    settle_statistics(model, pictures)
    return model, state["step"], state["spent"]


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


def copies(pictures, images, model, count=1000):
    """Edited copies of dev pictures against all dev pictures: is the original first, and which share of the copies is found
    with the one threshold at which 99 of 100 reported pairs are copies? (Look-alikes in the data count as mistakes.)"""
    chosen = np.random.default_rng(5).choice(len(pictures.dev), count, replace=False)
    first, own, other = {}, {}, []
    for name, edit in EDITS.items():
        pixels = np.stack([np.asarray(edit(Image.fromarray(pictures.pixels[pictures.dev[n]]))) for n in chosen])
        cosine = image_vectors(model, pixels) @ images.T
        own[name] = cosine[np.arange(count), chosen]
        cosine[np.arange(count), chosen] = -1
        first[name] = (own[name] > cosine.max(1)).mean()
        other.append(np.sort(cosine[cosine > 0.7]))
    right, wrong = np.sort(np.concatenate(list(own.values()))), np.sort(np.concatenate(other))
    found = len(right) - np.arange(len(right))
    false = len(wrong) - np.searchsorted(wrong, right)
    good = np.flatnonzero(found / (found + false) >= 0.99)
    threshold = right[good[0]] if len(good) else 1.0
    table = {f"copies, {name}: original first": first[name] for name in EDITS}
    table |= {f"copies, {name}: recall at precision .99": (own[name] >= threshold).mean() for name in EDITS}
    return table | {"copies: original first": np.mean(list(first.values())), "copies: recall at precision .99": (right >= threshold).mean(),
                    "copies: cosine threshold": threshold}


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


def full(model, pictures, tokenizer, count=1000):
    table, images, queries = quick(model, pictures, tokenizer, fast=False)
    table |= copies(pictures, images, model, count)
    return {k: round(float(v), 4) for k, v in table.items()}, images, queries


def main():
    from data import Pictures

    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--run", default="training-run")
    options = parser.parse_args()
    started = time.time()
    tokenizer, pictures = tokenizers.load(os.path.join(options.run, "tokenizer")), Pictures(options.data, options.run)
    model, step, _ = checkpoint_model(options.run, tokenizer, pictures)
    table, _, _ = full(model, pictures, tokenizer)
    print(json.dumps({"step": step, **table}, indent=1), f"\n{time.time() - started:.0f} s")


if __name__ == "__main__":
    main()
