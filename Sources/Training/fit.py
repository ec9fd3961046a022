"""After training: the words are fitted to the finished image tower.

    python fit.py --data ../shared/data --run RUN [--from release.pt] [--minutes 8] [--captions 0.6]

Computes the pooled features of every training picture once, and then trains only what is cheap: the projections and the text
tower, on batches that an image tower could not keep up with; and the projection that tells copies, on 24,000 edited
pictures. Also takes the batch-norm statistics anew. The features are kept in RUN for another fit of the same checkpoint. Leaves
RUN/fitted.pt.
"""
import math
import os
import time

import numpy as np
import torch
import torch.nn.functional as F

import tokenizer as tokenizers
from augment import edited
from data import Pictures, Words
from features import features_of, settle_statistics
from model import MEANING, VISION, DualEncoder, text_config
from prepare import options_parser
from train import TEACHER_HEAT, encode, shares, soft_cross_entropy

LABELLED = 4096                     # a step draws 4,096 pictures to the label vectors, which costs next to nothing without texts,
PICTURES, CAPTIONED = 768, 96       # and sees 768 pictures with drawn words, and 96 captioned ones with a caption each
DRAWN, LABELS, NAMES, PARAPHRASES = 128, 256, 64, 32
FIRST_STEPS, FIRST_RATE = 420, 2e-3 # before that, projection and label vectors settle on the finished image tower, without texts
RATE, PROJECTION_RATE, PROXY_RATE = 1e-3, 3e-4, 6e-4
WEIGHT = {"label": 1.0, "word": 1.0, "contrast": 0.6, "caption": 0.6, "imagenet": 0.1, "names": 0.4, "paraphrase": 0.3}


class Fit:
    def __init__(self, model, pictures, words, tokenizer, features):
        self.model, self.pictures, self.words, self.tokenizer, self.features = model, pictures, words, tokenizer, features
        self.ids = {}
        self.proxies = torch.nn.Parameter(torch.empty(len(pictures.labels), MEANING))
        self.scales = torch.nn.ParameterDict({name: torch.tensor(math.log(value)) for name, value in
                                              (("label", 30.0), ("contrast", 18.0), ("names", 15.0))})
        self.labelled = features.known[pictures.label_of[features.known] >= 0]
        self.captioned = np.array([i for i in pictures.train if "captions" in pictures.rows[i] and "label" not in pictures.rows[i]
                                   and features.has(i)])

    def encode(self, texts):
        return encode(self.model, self.tokenizer, texts, self.ids)

    def label_loss(self, rng):
        labelled = rng.choice(self.labelled, LABELLED, replace=False)
        cosine = self.model.meaning(self.features.of(labelled)) @ F.normalize(self.proxies, dim=1).T
        return soft_cross_entropy(self.scales["label"].exp() * cosine, torch.from_numpy(self.pictures.label_targets(labelled)))

    def settle_labels(self):
        """Trains the projection of pictures and the label vectors alone, so that texts have targets that hardly move any more."""
        moving = [self.model.visual_projection.weight, self.proxies, self.scales["label"]]
        optimiser = torch.optim.AdamW(moving, lr=FIRST_RATE, weight_decay=0.01)
        for step in range(FIRST_STEPS):
            for group in optimiser.param_groups:
                group["lr"] = FIRST_RATE * (1 - step / FIRST_STEPS)
            loss = self.label_loss(np.random.default_rng([4, step]))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if step % 100 == 0 or step == FIRST_STEPS - 1:
                print(f"labels step {step} loss {loss.item():.3f} scale {self.scales['label'].exp().item():.1f}", flush=True)

    def losses(self, step, rng, bank):
        pictures, out = self.pictures, {}
        indices, teacher, texts, concepts, positive = pictures.batch(PICTURES, rng, self.features.known)
        # Pictures are cheap here and texts are not: only some of the drawn texts are used.
        kept = np.sort(rng.choice(len(texts), min(len(texts), DRAWN), replace=False))
        texts, concepts, positive = [texts[k] for k in kept], concepts[kept], torch.from_numpy(positive[:, kept]).float()
        more, more_concepts = pictures.draw_names(LABELS, rng)
        photos = rng.choice(self.captioned, CAPTIONED, replace=False)
        captions = [str(rng.choice(pictures.rows[i]["captions"])) for i in photos]
        names, name_cosine = self.words.draw_names(NAMES, rng)
        left, right = self.words.draw_paraphrases(PARAPHRASES, rng)
        images = self.model.meaning(self.features.of(np.concatenate([indices, photos])))
        with torch.autocast("cpu", torch.bfloat16):
            text = self.encode(texts + more + captions + names + left + right)
        text, label_text, caption, name_text, left, right = text.split([len(texts), LABELS, CAPTIONED, NAMES, PARAPHRASES, PARAPHRASES])
        scale = {name: value.exp() for name, value in self.scales.items()}

        out["label"] = self.label_loss(rng)
        proxies = F.normalize(self.proxies, dim=1)
        worded = np.concatenate([concepts, more_concepts])
        meant = torch.from_numpy(pictures.labels_of(worded)).float()
        named = meant.any(1)
        told = torch.cat([text, label_text])[named] @ proxies.detach().T
        out["word"] = soft_cross_entropy(scale["label"].detach() * told, shares(meant[named], 1))
        # A label's name should fall on the label's vector, and no more is asked of the vector's other neighbours.
        own = torch.tensor([pictures.label_number[pictures.concepts[c]] for c in more_concepts])
        out["word"] = out["word"] + 4 * (1 - (label_text * proxies.detach()[own]).sum(1)).mean()

        logits = scale["contrast"] * images[:PICTURES] @ text.T
        true = positive.any(1)
        out["contrast"] = (soft_cross_entropy(logits[true], shares(positive[true], 1)) + soft_cross_entropy(logits.T, shares(positive.T, 1))) / 2
        every = scale["contrast"] * caption @ images[PICTURES:].T
        own = torch.arange(CAPTIONED)
        out["caption"] = (F.cross_entropy(every, own) + F.cross_entropy(every.T, own)) / 2
        out["imagenet"] = soft_cross_entropy(scale["contrast"] * images[:PICTURES] @ bank.T, (torch.from_numpy(teacher)[:, 1:] / TEACHER_HEAT).softmax(-1))
        out["names"] = soft_cross_entropy(scale["names"] * name_text @ bank.T, (torch.from_numpy(name_cosine) / 0.07).softmax(-1))
        cosine, own = 20 * left @ right.T, torch.arange(PARAPHRASES)
        out["paraphrase"] = (F.cross_entropy(cosine, own) + F.cross_entropy(cosine.T, own)) / 2
        return out


class Features:
    """Pooled features of some pictures, by picture number."""

    def __init__(self, indices, values, count):
        self.values, self.place = values, np.full(count, -1)
        self.place[indices] = np.arange(len(indices))
        self.known = np.sort(indices)

    def has(self, i):
        return self.place[i] >= 0

    def of(self, indices):
        return self.values[torch.from_numpy(self.place[indices])].float()


def fit(model, proxies, pictures, words, tokenizer, features, minutes, look=None):
    """Trains projections and text tower of `model` in place; `look` is told the model and the label vectors every minute."""
    fitting = Fit(model, pictures, words, tokenizer, features)
    with torch.no_grad():
        fitting.proxies.copy_(proxies)
    texts = [p for n, p in model.named_parameters() if n.startswith("text_")]
    projection = [model.visual_projection.weight]
    fitting.settle_labels()
    optimiser = torch.optim.AdamW([{"params": texts, "peak": RATE}, {"params": projection, "peak": PROJECTION_RATE}, {"params": [fitting.proxies, *fitting.scales.values()], "peak": PROXY_RATE}],
                                  lr=RATE, weight_decay=0.01, betas=(0.9, 0.98))
    started, step, bank, sums, last = time.time(), 0, None, {}, time.time()
    while (progress := (time.time() - started) / (60 * minutes)) < 1:
        rng = np.random.default_rng([3, step])
        for group in optimiser.param_groups:
            group["lr"] = group["peak"] * min(1, (step + 1) / 20) * max(1 - progress, 0.01)
        if step % 20 == 0:
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                bank = fitting.encode([names[0] for names in pictures.imagenet])
        parts = fitting.losses(step, rng, bank)
        optimiser.zero_grad(set_to_none=True)
        sum(WEIGHT[name] * part for name, part in parts.items()).backward()
        torch.nn.utils.clip_grad_norm_(texts + projection, 5.0)
        optimiser.step()
        step += 1
        for name, part in parts.items():
            sums.setdefault(name, []).append(part.item())
        if time.time() - last > 60:
            print(f"fit step {step} {progress * minutes:.1f} min scale {fitting.scales['label'].exp().item():.1f} {fitting.scales['contrast'].exp().item():.1f} "
                  + " ".join(f"{name}: {np.mean(values):.3f}" for name, values in sums.items()), flush=True)
            if look:
                look(model, F.normalize(fitting.proxies.detach(), dim=1))
            sums, last = {}, time.time()
    model.logit_scale.data.copy_(fitting.scales["contrast"].data)
    return step


def fit_instances(model, pictures, features, count=24_000, batch=3072, steps=250):
    """Trains the projection that says which photo a picture is, on edited copies: each must find its original among thousands,
    not among the few hundred of a training step."""
    rng = np.random.default_rng(12)
    chosen = np.sort(rng.choice(pictures.train, min(count, len(pictures.train)), replace=False))
    copies = torch.cat([features_of(model, edited(pictures.pixels[part], 112, rng).to(torch.uint8).permute(0, 2, 3, 1).numpy())
                        for part in np.array_split(chosen, max(1, len(chosen) // 512))])
    originals = features.of(chosen)
    weight = torch.nn.Parameter(spread_directions(originals, copies, model.instance_projection.weight.shape[0]))
    scale = torch.nn.Parameter(torch.tensor(math.log(20.0)))
    optimiser = torch.optim.Adam([weight, scale])
    for step in range(steps):
        pick = torch.from_numpy(rng.choice(len(chosen), min(batch, len(chosen)), replace=False))
        a, b = (F.normalize(x[pick] @ weight.T, dim=1) for x in (originals, copies))
        cosine, own = scale.exp() * a @ b.T, torch.arange(len(pick))
        loss = (F.cross_entropy(cosine, own) + F.cross_entropy(cosine.T, own)) / 2
        for group in optimiser.param_groups:
            group["lr"] = 0.01 * weight.abs().mean().item() * (1 - step / steps)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 50 == 0 or step == steps - 1:
            found = (cosine.argmax(0) == own).float().mean().item()
            print(f"instance step {step} loss {loss.item():.3f} scale {scale.exp().item():.1f} found first {found:.3f} of {len(pick)}", flush=True)
    with torch.no_grad():  # float16 keeps it best at the size it had
        model.instance_projection.weight.copy_(weight * model.instance_projection.weight.norm() / weight.norm())


@torch.no_grad()
def spread_directions(originals, copies, dimensions):
    """Linear discriminant analysis with every picture a class of its own: the directions in which pictures differ most in proportion
    to what edits change."""
    inside = (originals - copies).double()
    both = torch.cat([originals, copies]).double()
    both = both - both.mean(0)
    within, total = inside.T @ inside / len(inside), both.T @ both / len(both)
    values, axes = torch.linalg.eigh(within + 1e-3 * within.trace() / len(within) * torch.eye(len(within)))
    whiten = axes @ torch.diag(values ** -0.5) @ axes.T
    _, best = torch.linalg.eigh(whiten @ total @ whiten)
    return (whiten @ best[:, -dimensions:]).T.float().contiguous()


def kept_features(options, model, pictures):
    """The pooled features of all training pictures by `model`, whose batch-norm statistics are settled; from the last fit of the same
    checkpoint, if there was one."""
    path, source = os.path.join(options.run, "fit-features.pt"), os.path.join(options.run, options.source)
    mark = (options.source, os.path.getmtime(source), len(pictures.train))
    kept = torch.load(path, weights_only=False) if os.path.exists(path) else {"mark": None}
    if kept["mark"] == mark:
        model.load_state_dict(kept["model"])
        model.eval()
        return Features(pictures.train, kept["values"], len(pictures.rows))
    started = time.time()
    settle_statistics(model, pictures)
    values = features_of(model, pictures.pixels[pictures.train]).half()
    torch.save({"mark": mark, "model": model.state_dict(), "values": values}, path)
    print(f"features of {len(pictures.train)} pictures in {time.time() - started:.0f} s", flush=True)
    return Features(pictures.train, values, len(pictures.rows))


def main():
    parser = options_parser()
    parser.add_argument("--from", dest="source", default="release.pt")
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--captions", type=float, default=WEIGHT["caption"], help="weight of telling captions apart")
    parser.add_argument("--to", default="fitted.pt")
    options = parser.parse_args()
    WEIGHT["caption"] = options.captions
    tokenizer, pictures = tokenizers.load(os.path.join(options.run, "tokenizer")), Pictures(options.data, options.run)
    words = Words(options.data, pictures.imagenet, pictures.dev_captions())
    state = torch.load(os.path.join(options.run, options.source), weights_only=False)
    model = DualEncoder(VISION, text_config(tokenizer)).to(memory_format=torch.channels_last)
    model.load_state_dict(state["average"])
    torch.set_num_threads(2)
    features = kept_features(options, model, pictures)
    torch.set_num_threads(1)  # so many small operations gain nothing from a second
    steps = fit(model, F.normalize(state["trainee"]["proxies.weight"], dim=1), pictures, words, tokenizer, features, options.minutes)
    fit_instances(model, pictures, features)
    history = state["history"] + [{"kind": "fit", "steps": steps, "minutes": options.minutes, "pictures": steps * LABELLED}]
    torch.save({"model": model.state_dict(), "history": history}, os.path.join(options.run, options.to))
    print(f"fitted in {steps} steps", flush=True)


if __name__ == "__main__":
    main()
