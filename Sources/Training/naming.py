"""After averaging the fits: the names of labels are put where pictures would have them.

    python naming.py --data ../shared/data --run RUN [--from release.pt]

A free vector for each label, with a projection of pictures that suits them, tells labels apart better than their names do, which the text
tower learns beside much else. So these are trained once more, on all pictures; and then the text tower alone, until names
stand there, while captions, coarser names, names with CLIP vectors and paraphrases stay where they are (Hinton et al., "Distilling the
Knowledge in a Neural Network", 2015: the model before is the teacher of the others). Changes RUN/fitted.pt; about five minutes.
"""
import os
import time

import numpy as np
import torch
import torch.nn.functional as F

import tokenizer as tokenizers
from data import Choice, Pictures, Words
from fit import kept_features
from model import VISION, DualEncoder, text_config
from prepare import options_parser
from train import encode, soft_cross_entropy
from words import phrase

SETTLING, LABELLED = 450, 2048      # steps, and pictures of each
PROJECTION_RATE, LABEL_RATE = 3e-5, 1e-3  # of projections of features with a deviation of one to vectors of length one; of vectors of length 5
NAMING, NAMES, OTHERS = 440, 192, 192     # steps, and texts of each
NAME_RATE = 1.2e-3
BARE = 0.6                          # so many names come without a phrase around them


def settle(model, pictures, features, labels):
    """Trains the projection of pictures and the label vectors, which are returned."""
    known = features.known[pictures.label_of[features.known] >= 0]
    deviation = features.values.float().std(0) + 1e-3
    weight = model.visual_projection.weight.detach()
    length = (features.of(known[::64]) @ weight.T).norm(dim=1).mean()
    projection = torch.nn.Parameter(weight * deviation / length)
    labels = torch.nn.Parameter(5 * F.normalize(labels, dim=1))
    scale = torch.nn.Parameter(torch.tensor(25.0).log())
    optimiser = torch.optim.AdamW([{"params": [projection], "peak": PROJECTION_RATE}, {"params": [labels, scale], "peak": LABEL_RATE}], weight_decay=0.0)
    rng = np.random.default_rng(6)
    for step in range(SETTLING):
        for group in optimiser.param_groups:
            group["lr"] = group["peak"] * (1 - step / SETTLING)
        chosen = rng.choice(known, LABELLED, replace=False)
        meanings = F.normalize(features.of(chosen) / deviation @ projection.T, dim=1)
        loss = soft_cross_entropy(scale.exp() * meanings @ F.normalize(labels, dim=1).T, torch.from_numpy(pictures.label_targets(chosen)))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 100 == 0 or step == SETTLING - 1:
            print(f"settling {step} loss {loss.item():.3f} scale {scale.exp().item():.1f}", flush=True)
    with torch.no_grad():
        model.visual_projection.weight.copy_(projection / deviation * length)
    return F.normalize(labels.detach(), dim=1)


def other_texts(pictures, words, rng):
    """Texts of all kinds that are no label's name."""
    captions = [pictures.rows[i]["captions"][0] for i in pictures.train if "captions" in pictures.rows[i] and "label" not in pictures.rows[i]]
    paraphrases = [words.paraphrases[n][0] for n in rng.choice(len(words.paraphrases), 2000, replace=False)]
    names = [name for name in pictures.concepts if name not in pictures.label_number] + [name.split(", ")[0] for name in words.names]
    texts = list(rng.permutation(captions)[:3000]) + paraphrases + [phrase(name, Choice(rng)) for name in names]
    return [text for text in texts if text not in pictures.label_number]


def name_labels(model, pictures, words, tokenizer, labels):
    """Trains the text tower until labels' names stand at `labels` and other texts where they stood."""
    ids, others = {}, other_texts(pictures, words, np.random.default_rng(7))
    with torch.no_grad():
        stood = torch.cat([encode(model, tokenizer, others[a:a + 1024], ids) for a in range(0, len(others), 1024)])
    texts = [parameter for name, parameter in model.named_parameters() if name.startswith("text_")]
    optimiser = torch.optim.AdamW(texts, weight_decay=0.0, betas=(0.9, 0.98))
    for step in range(NAMING):
        for group in optimiser.param_groups:
            group["lr"] = NAME_RATE * min(1, (step + 1) / 20) * (1 - step / NAMING)
        rng = np.random.default_rng([8, step])
        named, kept = rng.choice(len(labels), NAMES, replace=False), rng.choice(len(others), OTHERS, replace=False)
        spoken = [name if rng.random() < BARE else phrase(name, Choice(rng)) for name in (pictures.labels[n] for n in named)]
        with torch.autocast("cpu", torch.bfloat16):
            vectors = encode(model, tokenizer, spoken + [others[n] for n in kept], ids)
        wanted = torch.cat([labels[torch.from_numpy(named)], stood[torch.from_numpy(kept)]])
        missing = 1 - (vectors * wanted).sum(1)
        optimiser.zero_grad(set_to_none=True)
        (missing[:NAMES].mean() + missing[NAMES:].mean()).backward()
        torch.nn.utils.clip_grad_norm_(texts, 1.0)
        optimiser.step()
        if step % 50 == 0 or step == NAMING - 1:
            print(f"naming {step}: cosines short of 1 by {missing[:NAMES].mean().item():.4f}, of other texts {missing[NAMES:].mean().item():.4f}", flush=True)


def main():
    parser = options_parser()
    parser.add_argument("--from", dest="source", default="release.pt")
    options = parser.parse_args()
    torch.set_num_threads(2)
    torch.manual_seed(0)
    started, path = time.time(), os.path.join(options.run, "fitted.pt")
    tokenizer, pictures = tokenizers.load(os.path.join(options.run, "tokenizer")), Pictures(options.data, options.run)
    words = Words(options.data, pictures.imagenet, pictures.dev_captions())
    model = DualEncoder(VISION, text_config(tokenizer)).to(memory_format=torch.channels_last)
    trained = torch.load(os.path.join(options.run, options.source), weights_only=False)
    model.load_state_dict(trained["average"])
    features = kept_features(options, model, pictures)
    state = torch.load(path, weights_only=False)
    model.load_state_dict(state["model"])
    model.eval()
    labels = settle(model, pictures, features, trained["trainee"]["proxies.weight"])
    name_labels(model, pictures, words, tokenizer, labels)
    minutes = round((time.time() - started) / 60, 1)
    history = state["history"] + [{"kind": "naming", "steps": SETTLING + NAMING, "minutes": minutes, "pictures": SETTLING * LABELLED}]
    torch.save({"model": model.state_dict(), "history": history}, path + ".part")
    os.replace(path + ".part", path)


if __name__ == "__main__":
    main()
