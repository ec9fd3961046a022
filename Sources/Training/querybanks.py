"""Fits what pictures that resemble everything lose: the last step before export.

    python querybanks.py --data ../shared/data --run RUN

Some pictures are near to every text and come first for texts that others fit better. Two banks of typical texts, the labels and
captions, tell how near a picture is to texts in general (Bogolin et al., "Cross Modal Retrieval with Querybank Normalisation", CVPR
2022); that stands in its vector, and a text's vector says how much of it counts against the picture, the first bank for a name, the
second for a sentence. Adds the banks to RUN/fitted.pt; about 50 seconds.
"""
import os

import numpy as np
import torch
import torch.nn.functional as F

import tokenizer as tokenizers
from data import Choice, Pictures
from evaluate import image_vectors, of_texts
from model import BANK_SHARE, INSTANCE_SHARE, MEANING, VISION, DualEncoder, Querybanks, text_config
from prepare import options_parser
from words import phrase

SHARPNESS = (20.0, 10.0)    # of the two sums, chosen on dev: for labels 15 to 25 hardly differ, for captions 10 to 20
# How much of its bank's likeness is taken off the score of a name, of a sentence; chosen on dev.
COUNTED = (1.0, 0.9)
# Captions are many and alike: their centres do; labels stay as they are, each as much as the other. With a rank of 96 dev P@10 loses up to .013
# of what the exact likeness gives, with 160 nothing (by a program that is not kept).
CENTRES, RANK = 64, 160
# Labels alone are asked for most, and what a text says of the banks is fitted to them most closely: with a weight of 16 another .005 of P@10
# was lost, with 1,000 a hundredth of the captions' R@10.
LABELS_WEIGHT, RIDGE = 256, 0.01
REACH = 0.998               # this share of the training pictures is within the range that a bank's coordinate can show


def centres(vectors, count, rounds=15):
    """Means of `count` clusters by cosine, and how many vectors each has."""
    chosen = vectors[torch.randperm(len(vectors), generator=torch.Generator().manual_seed(0))[:count]]
    for _ in range(rounds):
        nearest = (vectors @ F.normalize(chosen, dim=1).T).argmax(1)
        size = torch.bincount(nearest, minlength=count)
        sums = torch.zeros_like(chosen).index_add_(0, nearest, vectors)
        chosen = torch.where(size[:, None] > 0, sums / size[:, None].clamp(min=1), chosen)
    return chosen[size > 0], size[size > 0]


def in_bytes(rows, rank):
    """`rows` (n, width) as signed bytes (n, rank) times a basis (rank, width)."""
    u, s, v = torch.linalg.svd(rows, full_matrices=False)
    coordinates = u[:, :rank] * s[:rank]
    step = coordinates.abs().amax(0) / 127
    return (coordinates / step).round().to(torch.int8), (step[:, None] * v[:rank]).half().float()


@torch.no_grad()
def fit_querybanks(model, pictures, tokenizer):
    """Gives a fitted model its banks, and its texts the weights that count them."""
    model.eval()
    some = pictures.train[::7]
    meanings = torch.from_numpy(image_vectors(model, pictures.pixels[some], fast=True))[:, :MEANING]
    meanings = F.normalize(meanings, dim=1)
    captions = [pictures.rows[i]["captions"][0] for i in pictures.train if "captions" in pictures.rows[i] and "label" not in pictures.rows[i]]
    to_meaning = model.text_projection.weight
    states = {kind: of_texts(model.text_model, tokenizer, texts) for kind, texts in (
        ("labels", pictures.labels), ("phrases", [phrase(name, Choice(np.random.default_rng(n))) for n, name in enumerate(pictures.concepts)]),
        ("captions", captions))}
    text = {kind: F.normalize(h @ to_meaning.T, dim=1) for kind, h in states.items()}

    middles, sizes = centres(text["captions"], CENTRES)
    codes, basis = in_bytes(torch.cat([SHARPNESS[0] * text["labels"], SHARPNESS[1] * middles]), RANK)
    banks = Querybanks([len(text["labels"]), len(middles)], RANK, to_meaning.shape[1])
    banks.codes.copy_(codes)
    banks.basis.copy_(basis)
    banks.bias.copy_(torch.cat([torch.zeros(len(text["labels"])), sizes.float().log()]))
    likeness = banks.likeness(meanings)
    middle = likeness.median(0).values
    banks.bias.sub_(torch.repeat_interleave(middle, torch.tensor(banks.counts)))
    banks.gain.copy_(banks.most / (likeness - middle).abs().quantile(REACH, dim=0))
    model.querybanks = banks

    # A text's vector is linear in its last hidden state, and so is what it says of the banks.
    h = torch.cat([states["labels"], states["phrases"], states["captions"]])
    names = len(states["labels"]) + len(states["phrases"])
    by_share = ((1 - BANK_SHARE) * (1 - INSTANCE_SHARE) / BANK_SHARE) ** 0.5
    length = (h @ to_meaning.T).norm(dim=1)
    weight = torch.ones(len(h))
    weight[:len(states["labels"])] = LABELS_WEIGHT
    weighted = h * weight[:, None]
    products = h.T @ weighted + RIDGE * torch.eye(h.shape[1])
    for bank, counting in enumerate((slice(0, names), slice(names, len(h)))):
        wanted = torch.zeros(len(h))
        wanted[counting] = -COUNTED[bank] * by_share / (SHARPNESS[bank] * banks.gain[bank]) * length[counting]
        banks.against[bank] = torch.linalg.solve(products, weighted.T @ wanted)


def main():
    parser = options_parser()
    options = parser.parse_args()
    torch.set_num_threads(2)
    path = os.path.join(options.run, "fitted.pt")
    tokenizer, pictures = tokenizers.load(os.path.join(options.run, "tokenizer")), Pictures(options.data, options.run)
    state = torch.load(path, weights_only=False)
    model = DualEncoder(VISION, text_config(tokenizer)).to(memory_format=torch.channels_last)
    model.load_state_dict({name: value for name, value in state["model"].items() if not name.startswith("querybanks.")})
    fit_querybanks(model, pictures, tokenizer)
    torch.save({**state, "model": model.state_dict(), "bank counts": model.querybanks.counts}, path + ".part")
    os.replace(path + ".part", path)


if __name__ == "__main__":
    main()
