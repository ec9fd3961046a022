"""Trains imgvec-mini.

    python train.py --data ../shared/data --run RUN --minutes 60               # the trunk: go on at a constant rate
    python train.py --data ../shared/data --run RUN --decay-minutes 15         # a branch for a release

Warm-up, stable, decay: the trunk learns at a constant rate for as long as there is time, today or another day, and
RUN/trunk.pt always holds its last state. A branch starts from it, lets the rate fall to zero, and leaves RUN/release.pt;
the trunk is not changed by it. RUN must hold what prepare.py and tokenizer.py write.

Two worker processes of one thread each take their own pictures and average their gradients. One process with two
threads is a third as fast on a machine that has other work to do: its threads wait for each other thousands of times
a step, workers once.
"""
import json
import math
import os
import time

import numpy as np
import torch
import torch.distributed as distributed
import torch.nn.functional as F
from safetensors.torch import load_file

import tokenizer as tokenizers
from augment import edited, training_views
from data import Pictures, Words
from model import MEANING, VISION, DualEncoder, from_exported, normalise, pad, text_config
from prepare import options_parser

WORKERS = 2
PICTURES, COPIES = 128, 20          # a worker's step sees 128 pictures, 20 of them twice: the second time edited
# Every second step reads texts, as they cost a fifth of it: those of the pictures and 32 label names, and in turn names with CLIP
# vectors or pairs of captions.
TEXTS_EVERY, LABELS, NAMES, PARAPHRASES = 2, 32, 48, 32
RATE_IMAGE, RATE_TEXT, DECAY = 1.2e-3, 6e-4, 0.03
WARM_UP = 200
BANK_EVERY = 40                     # steps between refreshing the vectors of ImageNet names
QUEUE = 2048                        # earlier pictures that edited copies are told apart from
# Small pictures cost a third of large ones and teach nearly as much; the end of a branch belongs to the size in use.
TRUNK_SIZES, BRANCH_SIZES = ([64, 80, 96], [0.4, 0.4, 0.2]), ([80, 96, 112], [0.4, 0.35, 0.25])
TEACHER_HEAT = 0.6                  # on small pictures the teacher is too unsure of itself: mean entropy 3.6 nats, with this 1.7
WEIGHT = {"contrast": 1.0, "label": 1.0, "word": 0.5, "imagenet": 0.2, "label head": 0.5, "teacher head": 1.0, "feature head": 3.0, "copy": 0.3,
          "names": 0.4, "paraphrase": 0.3}


class Trainee(torch.nn.Module):
    """The exported model and the parts that only help to train it."""

    def __init__(self, text, labels):
        super().__init__()
        self.model = DualEncoder(VISION, text)
        features = VISION["hidden_sizes"][-1]
        self.label_head = torch.nn.Linear(features, labels)
        self.teacher_head = torch.nn.Linear(features, 1001)
        self.feature_head = torch.nn.Linear(features, 1280)
        # A free vector for each label in the space of meaning: what pictures are drawn to, and label names after them. Names alone, as
        # the text tower sees them, make a much poorer classifier (dev P@10 .36, where the label head of the same tower had .43).
        self.proxies = torch.nn.Linear(MEANING, labels, bias=False)
        self.proxy_scale = torch.nn.Parameter(torch.tensor(25.0).log())
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
    vectors = torch.cat([model.text_meaning(pad([ids[n] for n in piece], tokenizer.eos_token_id)) for piece in pieces])
    return vectors[torch.tensor(order).argsort()]


class Learner:
    """What one worker needs to compute the losses of a step."""

    def __init__(self, trainee, pictures, words, tokenizer):
        self.trainee, self.pictures, self.words, self.tokenizer = trainee, pictures, words, tokenizer
        self.ids, self.bank, self.queue = {}, None, None

    @torch.no_grad()
    def refresh_bank(self):
        """Vectors of the ImageNet names as the text tower sees them now: classifiers for the image tower."""
        if len(self.ids) > 60000:
            self.ids.clear()
        with torch.autocast("cpu", torch.bfloat16):
            self.bank = encode(self.trainee.model, self.tokenizer, [names[0] for names in self.pictures.imagenet], self.ids)

    def losses(self, size, smallest, step, rng):
        trainee, model, pictures, bank = self.trainee, self.trainee.model, self.pictures, self.bank
        indices, teacher, texts, concepts, positive = pictures.batch(PICTURES, rng)
        pixels = pictures.pixels[indices]
        views = torch.cat([training_views(pixels, size, rng, smallest), edited(pixels[:COPIES], size, rng)])
        x = normalise(views).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            features = model.vision_model(x)
            images, instances = model.meaning(features), model.instance(features)
            label_logits, teacher_logits, mimic = (head(features).float() for head in (trainee.label_head, trainee.teacher_head, trainee.feature_head))

        # Edited pictures keep their meaning, but hard edits hide it: only whole views are taught labels and the teacher's opinion.
        out, whole = {}, slice(0, PICTURES)
        labels = torch.from_numpy(pictures.label_targets(indices))
        proxies = F.normalize(trainee.proxies.weight, dim=1)
        out["label"] = soft_cross_entropy(trainee.proxy_scale.exp() * images[whole] @ proxies.T, labels)
        out["label head"] = soft_cross_entropy(label_logits[whole], labels)
        target = torch.from_numpy(teacher)
        out["imagenet"] = soft_cross_entropy(model.scale() * images[whole] @ bank.T, (target[:, 1:] / TEACHER_HEAT).softmax(-1))
        out["teacher head"] = soft_cross_entropy(teacher_logits[whole], (target / TEACHER_HEAT).softmax(-1))
        wanted = F.normalize(torch.from_numpy(pictures.teacher_features(indices)), dim=1)
        out["feature head"] = 1 - (F.normalize(mimic[whole], dim=1) * wanted).sum(1).mean()

        others = instances[whole] if self.queue is None else torch.cat([instances[whole], self.queue])
        own = torch.arange(COPIES)
        out["copy"] = F.cross_entropy(16 * instances[PICTURES:] @ others.T, own)
        # The same photo edited means the same.
        out["copy"] = out["copy"] + F.cross_entropy(16 * images[PICTURES:] @ images[whole].T, own) / 3
        fresh = instances[whole].detach()
        self.queue = fresh if self.queue is None else torch.cat([fresh, self.queue])[:QUEUE]
        if step % TEXTS_EVERY == 0:
            out |= self.text_losses(images[whole], texts, concepts, positive, step // TEXTS_EVERY, rng)
        return out

    def text_losses(self, images, texts, concepts, positive, turn, rng):
        """Of the pictures' texts, of label names, and in turn of names with CLIP vectors or of pairs of captions."""
        trainee, model, pictures = self.trainee, self.trainee.model, self.pictures
        more, more_concepts = pictures.draw_names(LABELS, rng)
        names, name_cosine = self.words.draw_names(NAMES, rng) if turn % 2 == 1 else ([], None)
        left, right = self.words.draw_paraphrases(PARAPHRASES, rng) if turn % 2 == 0 else ([], [])
        with torch.autocast("cpu", torch.bfloat16):
            text = encode(model, self.tokenizer, texts + more + names + left + right, self.ids)
        text, label_text, name_text, left, right = text.split([len(texts), LABELS, len(names), len(left), len(right)])

        out = {}
        positive = torch.from_numpy(positive).float()
        logits = model.scale() * images @ text.T
        out["contrast"] = (soft_cross_entropy(logits, shares(positive, 1)) + soft_cross_entropy(logits.T, shares(positive.T, 1))) / 2

        meant = torch.from_numpy(pictures.labels_of(np.concatenate([concepts, more_concepts]))).float()
        named = meant.any(1)
        proxies = F.normalize(trainee.proxies.weight.detach(), dim=1)
        words = torch.cat([text, label_text])[named] @ proxies.T
        out["word"] = soft_cross_entropy(trainee.proxy_scale.exp().detach() * words, shares(meant[named], 1))
        if len(name_text):
            out["names"] = soft_cross_entropy(trainee.name_scale.exp() * name_text @ self.bank.T,
                                              (torch.from_numpy(name_cosine) / 0.07).softmax(-1))
        if len(left):
            cosine = 20 * left @ right.T
            own = torch.arange(len(left))
            out["paraphrase"] = (F.cross_entropy(cosine, own) + F.cross_entropy(cosine.T, own)) / 2
        return out


def make_optimiser(trainee):
    groups = []
    for rate, pick in ((RATE_IMAGE, lambda n: "text" not in n), (RATE_TEXT, lambda n: "text" in n)):
        for decays in (True, False):
            chosen = [p for n, p in trainee.named_parameters() if pick(n) and (p.dim() > 1 and "embedding" not in n) == decays]
            groups.append({"params": chosen, "lr": rate, "peak": rate, "weight_decay": DECAY if decays else 0.0})
    return torch.optim.AdamW(groups, betas=(0.9, 0.99))


def share_gradients(parameters):
    """Replaces every gradient by its mean over the workers, in one exchange."""
    present = [p for p in parameters if p.grad is not None]
    flat = torch.cat([p.grad.flatten() for p in present])
    distributed.all_reduce(flat)
    flat /= WORKERS
    at = 0
    for p in present:
        p.grad.copy_(flat[at:at + p.numel()].view_as(p))
        at += p.numel()


@torch.no_grad()
def follow(average, model, decay):
    """Exponential moving average of weights and of batch-norm statistics."""
    for slow, fast in zip(average.state_dict().values(), model.state_dict().values()):
        if slow.dtype.is_floating_point:
            slow.lerp_(fast, 1 - decay)


def start_from_model(trainee, folder):
    """Takes over the weights of an exported model; the heads that export drops begin anew."""
    weights = {name: value.float() for name, value in load_file(os.path.join(folder, "model.safetensors")).items()}
    weights = {name: value for name, value in from_exported(weights).items() if not name.startswith("querybanks.")}
    missing, unexpected = trainee.model.load_state_dict(weights, strict=False)
    assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing), (missing, unexpected)


def save(path, trainee, average, optimiser, step, spent, history):
    torch.save({"trainee": trainee.state_dict(), "average": average.state_dict(), "optimiser": optimiser.state_dict(),
                "step": step, "spent": spent, "history": history}, path + ".part")
    os.replace(path + ".part", path)


def work(rank, options):
    os.setsid()  # a scheduling group of its own: on a shared machine each worker gets a share
    try:
        with open("/proc/self/autogroup", "w") as file:
            file.write(str(options.nice))
    except OSError:
        pass
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    distributed.init_process_group("gloo", init_method="file://" + options.meeting, rank=rank, world_size=WORKERS)

    tokenizer = tokenizers.load(os.path.join(options.run, "tokenizer"))
    pictures = Pictures(options.data, options.run)
    words = Words(options.data, pictures.imagenet, pictures.dev_captions())
    trainee = Trainee(text_config(tokenizer), len(pictures.labels)).to(memory_format=torch.channels_last)
    average = DualEncoder(VISION, text_config(tokenizer)).to(memory_format=torch.channels_last)
    optimiser = make_optimiser(trainee)
    branch = options.decay_minutes is not None
    minutes = options.decay_minutes if branch else options.minutes
    trunk, release = (os.path.join(options.run, name) for name in ("trunk.pt", "release.pt"))
    source = trunk if not (branch and os.path.exists(release + ".going")) else release + ".going"
    step, before, first, history = 0, 0.0, 0, []
    if os.path.exists(source):
        state = torch.load(source, weights_only=False)
        trainee.load_state_dict(state["trainee"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        step, before, history = state["step"], state["spent"], state["history"]
        # Rates and weights may have been changed between two sessions; the file's own win over the checkpoint's.
        for group, fresh in zip(optimiser.param_groups, make_optimiser(trainee).param_groups):
            group["peak"], group["weight_decay"] = fresh["peak"], fresh["weight_decay"]
    elif options.from_model:
        start_from_model(trainee, options.from_model)
        with torch.no_grad():
            trainee.proxies.weight.copy_(encode(trainee.model, tokenizer, pictures.labels, {}))
        average.load_state_dict(trainee.model.state_dict())
    else:
        average.load_state_dict(trainee.model.state_dict())
    first = step
    count = lambda m: sum(p.numel() for p in m.parameters())
    if rank == 0:
        print(f"{len(pictures.train)} pictures, {len(pictures.labels)} labels, {len(pictures.concepts)} names; parameters: image "
              f"{count(average.vision_model)}, text {count(average.text_model)}, all {count(average)}; from step {step}", flush=True)

    def report(now):
        """This run's own line in the model's history."""
        return [{"kind": kind, "steps": step - first, "minutes": round((now - started) / 60, 1), "pictures": (step - first) * WORKERS * PICTURES}]

    kind = "branch" if branch else "trunk"
    learner = Learner(trainee, pictures, words, tokenizer)
    started = last_log = last_save = time.time()
    sums, seen = {}, 0
    while True:
        progress = torch.tensor([(time.time() - started) / (60 * minutes)])
        distributed.broadcast(progress, 0)
        progress = min(progress.item(), 1)
        if progress >= 1:
            break
        rng = np.random.default_rng([options.seed, step, rank])
        sizes, chances = BRANCH_SIZES if branch else TRUNK_SIZES
        size = int(np.random.default_rng([options.seed, step]).choice(sizes, p=chances))  # the same for all workers
        smallest = 0.7 if branch else 0.5
        rate = max(1 - progress, 0.003) if branch else min(1, (step + 1) / WARM_UP, (step - first + 1) / 30)
        for group in optimiser.param_groups:
            group["lr"] = group["peak"] * rate
        if learner.bank is None or step % BANK_EVERY == 0:
            learner.refresh_bank()

        trainee.train()
        parts = learner.losses(size, smallest, step, rng)
        loss = sum(WEIGHT[name] * part for name, part in parts.items())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        share_gradients(trainee.parameters())
        torch.nn.utils.clip_grad_norm_(trainee.parameters(), 5.0)
        optimiser.step()
        if not math.isfinite(loss.item()):
            raise SystemExit(f"step {step}: loss is {loss.item()}")
        step, seen = step + 1, seen + WORKERS * (PICTURES + COPIES)
        if rank > 0:
            continue

        follow(average, trainee.model, min(0.995 if branch else 0.998, (step - first + 1) / (step - first + 10)))
        for name, part in parts.items():
            sums.setdefault(name, []).append(part.item())
        now = time.time()
        if now - last_log > 30 or step - first <= 3:
            print(f"step {step} {(before + now - started) / 60:.1f} min size {size} rate x{rate:.3f} scale {trainee.model.logit_scale.exp().item():.1f} "
                  f"{seen / (now - last_log):.0f} img/s " + " ".join(f"{name}: {np.mean(values):.3f}" for name, values in sums.items()), flush=True)
            sums, seen, last_log = {}, 0, now
        if now - last_save > 180:
            save(release + ".going" if branch else trunk, trainee, average, optimiser, step, before + now - started, history + report(now))
            last_save = now

    if rank == 0:
        history = history + report(time.time())
        save(release if branch else trunk, trainee, average, optimiser, step, before + time.time() - started, history)
        if os.path.exists(release + ".going"):
            os.remove(release + ".going")
        print(f"DONE {kind} at step {step} " + json.dumps(history), flush=True)
    distributed.barrier()


def main():
    parser = options_parser()
    parser.add_argument("--minutes", type=float, default=60, help="of the trunk, from now on")
    parser.add_argument("--decay-minutes", type=float, help="make a branch of this length from the trunk instead")
    parser.add_argument("--from-model", help="the folder of an exported model to start a new trunk from")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--nice", type=int, default=0, help="of the workers' scheduling groups")
    options = parser.parse_args()
    options.meeting = os.path.abspath(os.path.join(options.run, f"meeting-{os.getpid()}"))
    torch.multiprocessing.spawn(work, (options,), WORKERS)


if __name__ == "__main__":
    main()
