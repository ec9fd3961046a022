"""Trains imgvec-mini from random weights.

    python train.py --data ../shared/data --run RUN --minutes 75      # schedule follows training time
    python train.py --data ../shared/data --run RUN --steps 6000      # schedule follows steps: repeatable

RUN must hold what prepare.py and tokenizer.py write. RUN/checkpoint.pt is rewritten every few minutes; starting the
same command again goes on from it.
"""
import argparse
import json
import math
import os
import time

import numpy as np
import torch
import torch.nn.functional as F

import tokenizer as tokenizers
from augment import edited, training_views
from data import Pictures, Words
from evaluate import quick
from model import VISION, DualEncoder, normalise, pad, text_config

PICTURES, COPIES = 208, 48          # a step sees 208 pictures, 48 of them twice: the second time edited
NAMES, PARAPHRASES = 64, 32         # and 64 names with CLIP vectors, 32 caption pairs (every third step)
RATE_IMAGE, RATE_TEXT, DECAY = 2e-3, 1e-3, 0.05
BANK_EVERY = 25                     # steps between refreshing the vectors of all label names
# Small pictures first: more steps a minute. But a tower trained at one size is poor at another (dev P@10 at 64/80/112 after the first
# part: .25/.13/.07), so sizes are then mixed, and the end belongs to the size in use. (end of part, sizes, their shares)
SIZES = [(0.36, [64], [1.0]), (0.72, [64, 88, 112], [0.4, 0.35, 0.25]), (1.01, [112], [1.0])]
WEIGHT = {"contrast": 1.0, "label": 0.5, "imagenet": 0.5, "label head": 0.5, "teacher head": 1.0, "copy": 0.3, "names": 0.5, "paraphrase": 0.25}


class Trainee(torch.nn.Module):
    """The exported model and the parts that only help to train it."""

    def __init__(self, text, labels):
        super().__init__()
        self.model = DualEncoder(VISION, text)
        features = VISION["hidden_sizes"][-1]
        self.label_head = torch.nn.Linear(features, labels)
        self.teacher_head = torch.nn.Linear(features, 1001)
        self.name_scale = torch.nn.Parameter(torch.tensor(15.0).log())


def soft_cross_entropy(logits, target):
    return -(target * F.log_softmax(logits, -1)).sum(-1).mean()


def shares(positive, axis):
    return positive / positive.sum(axis, keepdim=True)


def encode(model, tokenizer, texts, cache):
    """Vectors of texts; short ones apart from long ones, so that little is computed on padding."""
    missing = [text for text in texts if text not in cache]
    if missing:
        for text, ids in zip(missing, tokenizer(missing, truncation=True, max_length=32).input_ids):
            cache[text] = ids
    ids = [cache[text] for text in texts]
    order = sorted(range(len(ids)), key=lambda n: len(ids[n]))
    pieces = [order[a:a + 64] for a in range(0, len(order), 64)]
    vectors = torch.cat([model.encode_texts(pad([ids[n] for n in piece], tokenizer.eos_token_id)) for piece in pieces])
    return vectors[torch.tensor(order).argsort()]


def losses(trainee, pictures, words, bank, tokenizer, cache, size, smallest, step, rng):
    model = trainee.model
    indices, teacher, texts, positive = pictures.batch(PICTURES, rng)
    pixels = pictures.pixels[indices]
    views = torch.cat([training_views(pixels, size, rng, smallest), edited(pixels[:COPIES], size, rng)])
    x = normalise(views).contiguous(memory_format=torch.channels_last)
    names, name_cosine = words.draw_names(NAMES, rng)
    pairs = words.draw_paraphrases(PARAPHRASES, rng) if step % 3 == 0 else ([], [])

    with torch.autocast("cpu", torch.bfloat16):
        features = model.vision_model(x)
        images = model.visual_projection(features)
        label_logits, teacher_logits = trainee.label_head(features).float(), trainee.teacher_head(features).float()
        text = encode(model, tokenizer, texts + names + pairs[0] + pairs[1], cache)
    images = F.normalize(images.float(), dim=-1)
    text, name_text, left, right = text.split([len(texts), NAMES, len(pairs[0]), len(pairs[1])])
    scale = model.logit_scale.exp().clamp(max=100)

    out = {}
    positive = torch.from_numpy(positive).float()
    logits = scale * images[:PICTURES] @ text.T
    out["contrast"] = (soft_cross_entropy(logits, shares(positive, 1)) + soft_cross_entropy(logits.T, shares(positive.T, 1))) / 2

    both = np.concatenate([indices, indices[:COPIES]])
    labels = torch.from_numpy(pictures.label_of[both])
    known = labels >= 0
    out["label"] = F.cross_entropy(scale * images[known] @ bank["labels"].T, labels[known], label_smoothing=0.05)
    out["label head"] = F.cross_entropy(label_logits[known], labels[known], label_smoothing=0.1)
    teacher = torch.from_numpy(np.concatenate([teacher, teacher[:COPIES]]))
    out["imagenet"] = soft_cross_entropy(scale * images @ bank["imagenet"].T, teacher[:, 1:].softmax(-1))
    out["teacher head"] = soft_cross_entropy(teacher_logits, teacher.softmax(-1))
    out["copy"] = F.cross_entropy(20 * images[PICTURES:] @ images[:PICTURES].T, torch.arange(COPIES))

    out["names"] = soft_cross_entropy(trainee.name_scale.exp() * name_text @ bank["imagenet"].T,
                                      (torch.from_numpy(name_cosine) / 0.07).softmax(-1))
    if len(left):
        cosine = 20 * left @ right.T
        own = torch.arange(len(left))
        out["paraphrase"] = (F.cross_entropy(cosine, own) + F.cross_entropy(cosine.T, own)) / 2
    return out


@torch.no_grad()
def refresh_bank(model, pictures, tokenizer, cache):
    """Vectors of all label and ImageNet names as the text tower sees them now: classifiers for the image tower."""
    with torch.autocast("cpu", torch.bfloat16):
        return {"labels": encode(model, tokenizer, pictures.labels, cache),
                "imagenet": encode(model, tokenizer, [names[0] for names in pictures.imagenet], cache)}


def make_optimiser(trainee):
    groups = []
    for rate, pick in ((RATE_IMAGE, lambda n: "text" not in n), (RATE_TEXT, lambda n: "text" in n)):
        for decays in (True, False):
            chosen = [p for n, p in trainee.named_parameters() if pick(n) and (p.dim() > 1 and "embedding" not in n) == decays]
            groups.append({"params": chosen, "lr": rate, "peak": rate, "weight_decay": DECAY if decays else 0.0})
    return torch.optim.AdamW(groups, betas=(0.9, 0.99))


@torch.no_grad()
def follow(average, model, decay):
    """Exponential moving average of weights and of batch-norm statistics."""
    for slow, fast in zip(average.state_dict().values(), model.state_dict().values()):
        if slow.dtype.is_floating_point:
            slow.lerp_(fast, 1 - decay)


def save(path, trainee, average, optimiser, step, spent):
    torch.save({"trainee": trainee.state_dict(), "average": average.state_dict(), "optimiser": optimiser.state_dict(),
                "step": step, "spent": spent}, path + ".part")
    os.replace(path + ".part", path)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--run", default="training-run")
    parser.add_argument("--minutes", type=float, default=75)
    parser.add_argument("--steps", type=int, help="schedule by steps instead of minutes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--evaluate-every", type=float, default=8, help="minutes")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(2)

    tokenizer = tokenizers.load(os.path.join(options.run, "tokenizer"))
    pictures = Pictures(options.data, options.run)
    words = Words(options.data, pictures.imagenet)
    trainee = Trainee(text_config(tokenizer), len(pictures.labels)).to(memory_format=torch.channels_last)
    average = DualEncoder(VISION, text_config(tokenizer)).to(memory_format=torch.channels_last)
    average.load_state_dict(trainee.model.state_dict())
    optimiser = make_optimiser(trainee)
    step, spent, path = 0, 0.0, os.path.join(options.run, "checkpoint.pt")
    if os.path.exists(path):
        state = torch.load(path, weights_only=False)
        trainee.load_state_dict(state["trainee"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        step, spent = state["step"], state["spent"]
    count = lambda m: sum(p.numel() for p in m.parameters())
    print(f"{len(pictures.train)} pictures, {len(pictures.labels)} labels, {len(pictures.concepts)} names; parameters: image "
          f"{count(average.vision_model)}, text {count(average.text_model)}, all {count(average)}; from step {step}", flush=True)

    cache, bank, sums, clock = {}, None, {}, time.time()
    last_log = last_save = last_look = clock
    seen = 0
    while True:
        progress = step / options.steps if options.steps else spent / (60 * options.minutes)
        if progress >= 1:
            break
        rng = np.random.default_rng([options.seed, step])  # a resumed run draws what an unbroken one would have drawn
        _, sizes, chances = next(part for part in SIZES if progress < part[0])
        size = int(rng.choice(sizes, p=chances))
        smallest = 0.5 if progress < SIZES[-2][0] else 0.65
        rate = min(1, (step + 1) / 200) * (0.5 + 0.5 * math.cos(math.pi * progress))
        for group in optimiser.param_groups:
            group["lr"] = group["peak"] * max(rate, 0.003)
        if bank is None or step % BANK_EVERY == 0:
            bank = refresh_bank(trainee.model, pictures, tokenizer, cache)
        if len(cache) > 60000:
            cache.clear()

        trainee.train()
        parts = losses(trainee, pictures, words, bank, tokenizer, cache, size, smallest, step, rng)
        loss = sum(WEIGHT[name] * part for name, part in parts.items())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trainee.parameters(), 5.0)
        optimiser.step()
        follow(average, trainee.model, min(0.998, (step + 1) / (step + 10)))
        if not math.isfinite(loss.item()):
            raise SystemExit(f"step {step}: loss is {loss.item()}")

        step, seen = step + 1, seen + PICTURES + COPIES
        for name, part in parts.items():
            sums.setdefault(name, []).append(part.item())
        now = time.time()
        spent, clock = spent + now - clock, now
        if now - last_log > 30 or step <= 3:
            print(f"step {step} {spent / 60:.1f} min size {size} lr x{rate:.3f} scale {trainee.model.logit_scale.exp().item():.1f} {seen / (now - last_log):.0f} img/s "
                  + " ".join(f"{name}: {np.mean(values):.3f}" for name, values in sums.items()), flush=True)
            sums, seen, last_log = {}, 0, now
        if now - last_save > 120:
            save(path, trainee, average, optimiser, step, spent)
            last_save = now
        if now - last_look > 60 * options.evaluate_every:
            table, _, _ = quick(average, pictures, tokenizer)
            print(f"DEV step {step} " + json.dumps({k: round(float(v), 4) for k, v in table.items()}), flush=True)
            last_look = last_log = time.time()
            seen = 0

    save(path, trainee, average, optimiser, step, spent)
    table, _, _ = quick(average, pictures, tokenizer)
    print(f"DONE step {step} " + json.dumps({k: round(float(v), 4) for k, v in table.items()}), flush=True)


if __name__ == "__main__":
    main()
