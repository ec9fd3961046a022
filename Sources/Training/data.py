"""Pictures, their words and the teacher's opinion, as training batches.

Every picture has a set of *concepts* that are true of it: its label, synonyms, coarser names, and for captioned photos
the known names that occur in a caption. A text drawn for one picture is then a positive for every picture of the batch
it is true of, so that two dogs in one batch are not pushed apart.
"""
import gzip
import json
import os

import numpy as np

from prepare import SIDE, TEACHER_CLASSES, TEACHER_FEATURES, read_rows
from words import HYPERNYMS, SOURCE_NAMES, coarser, phrase, words_in

# Sources drawn more often than their size says: everyday photos, and rich captions of which there are few.
SOURCE_WEIGHT = {"flickr8k": 2.5, "coco_bits": 2.5, "tiny-coco-captions": 2, "dog-cat": 2, "pacs-photo": 1.5, "houses": 1.5, "weather5": 1.5,
                 "cmu-scenes8": 1.5, "cmu-scenes8b": 1.5, "cmu-scenes8c": 1.5, "cmu-scenes8d": 1.5, "fruits-vegetables": 1.5,
                 "dog-breeds-300": 1.5, "imagenet-mini-part": 1.5, "grocery-store": 0.7, "sports100": 0.8}


def label_opinions(run, pictures):
    """The file that opinions.py writes, and its shape."""
    return os.path.join(run, "cache", "labels.f16"), (len(pictures.rows), len(pictures.labels))


class Pictures:
    def __init__(self, data, run):
        self.rows = read_rows(data)
        count = len(self.rows)
        cache = os.path.join(run, "cache")
        self.pixels = np.memmap(os.path.join(cache, "pixels.u8"), np.uint8, "r", shape=(count, SIDE, SIDE, 3))
        self.teacher = np.memmap(os.path.join(cache, "teacher.i8"), np.int8, "r", shape=(count, TEACHER_CLASSES))
        with open(os.path.join(cache, "teacher.json")) as file:
            self.teacher_scale = json.load(file)["scale"]
        self.features = np.memmap(os.path.join(cache, "features.u8"), np.uint8, "r", shape=(count, TEACHER_FEATURES))

        self.train = np.array([i for i, row in enumerate(self.rows) if row["split"] == "train"])
        self.dev = np.array([i for i, row in enumerate(self.rows) if row["split"] == "dev"])
        self.run, self.opinions = run, None
        self.mean_feature = self.features[self.train[::10]].mean(0, dtype=np.float64).astype(np.float32)
        weight = np.array([SOURCE_WEIGHT.get(self.rows[i]["source"], 1.0) for i in self.train])
        self.draw_weight = weight / weight.sum()
        self.labels = sorted({self.rows[i]["label"] for i in self.train if "label" in self.rows[i]})
        number = {label: n for n, label in enumerate(self.labels)}
        self.label_number = number
        self.label_of = np.array([number.get(row.get("label"), -1) for row in self.rows])
        with open(os.path.join(data, "teachers", "imagenet_labels.txt")) as lines:
            self.imagenet = [line.strip().lower().split(", ") for line in lines][1:]
        self._build_concepts()

    def teacher_logits(self, indices):
        return self.teacher[indices].astype(np.float32) * self.teacher_scale

    def label_targets(self, indices):
        """(n, labels): for a labelled picture, half its label and half what the teacher's view says of it; else the latter alone. The
        opinion knows which labels a picture might as well have had, which the label itself does not say."""
        if self.opinions is None:
            path, shape = label_opinions(self.run, self)
            self.opinions = np.memmap(path, np.float16, "r", shape=shape)
        target = np.exp(self.opinions[indices].astype(np.float32))
        known = np.flatnonzero(self.label_of[indices] >= 0)
        target[known] /= 2
        target[known, self.label_of[indices][known]] += 0.5
        return target

    def teacher_features(self, indices):
        """What the teacher sees before it decides, less what it sees in every picture: (n, 1280)."""
        return self.features[indices].astype(np.float32) - self.mean_feature

    def dev_captions(self):
        """Captions of held-out photos, which other lists of captions repeat."""
        return {letters(caption) for i in self.dev for caption in self.rows[i].get("captions", ())}

    def _build_concepts(self):
        """Fills `member[row, concept]` and `row_of[picture]`: which names are true of which picture. Training pictures only."""
        of_label, also = {}, {}
        for i in self.train:
            row = self.rows[i]
            if "label" in row:
                names = {row["label"], *row.get("also", [])}
                also.setdefault(row["label"], set()).update(row.get("also", []))
                of_label.setdefault(row["label"], set()).update(names, SOURCE_NAMES.get(row["source"], ()))
        for label, names in of_label.items():
            names |= coarser(names)
        self.synonyms = {label: sorted(names - {label}) for label, names in also.items()}
        self.broader = {label: sorted(names - {label} - also[label]) for label, names in of_label.items()}

        known = set(HYPERNYMS).union(*of_label.values(), (names[0] for names in self.imagenet))
        self.concepts = sorted(known)
        self.concept_number = {name: n for n, name in enumerate(self.concepts)}
        self.imagenet_class = np.full(len(self.concepts) + 1, -1)  # the last entry serves captions (concept -1)
        for k, names in enumerate(self.imagenet):
            self.imagenet_class[self.concept_number[names[0]]] = k

        sets = [of_label[label] for label in self.labels]
        self.row_of = self.label_of.copy()
        self.words_of = {}
        for i in self.train:
            if self.row_of[i] < 0:
                found = set.union(*map(words_in, self.rows[i]["captions"])) & known
                self.words_of[i] = sorted(found)
                self.row_of[i] = len(sets)
                sets.append(found | coarser(found))
        self.member = np.zeros((len(sets), len(self.concepts) + 1), bool)
        for r, names in enumerate(sets):
            self.member[r, [self.concept_number[name] for name in names]] = True

    def draw_names(self, count, rng):
        """`count` labels typed as queries, and their concepts."""
        chosen = rng.choice(len(self.labels), count, replace=False)
        return [phrase(self.labels[n], Choice(rng)) for n in chosen], [self.concept_number[self.labels[n]] for n in chosen]

    def labels_of(self, concepts):
        """(n, labels): whether a label's pictures show the concept."""
        return self.member[:len(self.labels), concepts].T

    def draw_text(self, i, teacher_best, rng):
        """One text for picture i: (text, concept number or -1 for a caption)."""
        row, dice = self.rows[i], rng.random()
        name = None
        if teacher_best >= 0 and rng.random() < 0.12:  # the teacher is sure: also learn its word
            names = self.imagenet[teacher_best]
            return phrase(names[rng.integers(min(2, len(names)))], Choice(rng)), self.concept_number[names[0]]
        if "label" in row:
            label = row["label"]
            if dice < 0.2 and self.synonyms[label]:
                name = self.synonyms[label][rng.integers(len(self.synonyms[label]))]
            elif dice < 0.36 and self.broader[label]:
                name = self.broader[label][rng.integers(len(self.broader[label]))]
            elif dice < 0.5 and "captions" in row:
                return row["captions"][rng.integers(len(row["captions"]))], -1
            name = name or label
        else:
            words = self.words_of[i]
            if dice < 0.85 or not words:
                return row["captions"][rng.integers(len(row["captions"]))], -1
            name = words[rng.integers(len(words))]
        return phrase(name, Choice(rng)), self.concept_number[name]

    def batch(self, count, rng, among=None):
        """Pictures, their distinct texts with their concepts (-1: a caption), and which text is true of which picture."""
        indices = rng.choice(self.train if among is None else among, count, replace=False, p=self.draw_weight if among is None else None)
        logits = self.teacher_logits(indices)
        p = np.exp(logits - logits.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        best = np.where(p[:, 1:].max(1) > 0.6, p[:, 1:].argmax(1), -1)

        texts, concepts, owner = {}, [], []
        for i, sure in zip(indices, best):
            text, concept = self.draw_text(i, sure, rng)
            if text not in texts:
                texts[text] = len(texts)
                concepts.append(concept)
            owner.append(texts[text])
        concepts = np.array(concepts)
        positive = self.member[self.row_of[indices]][:, concepts]
        classes = self.imagenet_class[concepts]
        positive |= (p[:, 1:][:, classes] > 0.35) & (classes >= 0)
        positive[np.arange(count), owner] = True
        return indices, logits, list(texts), concepts, positive


def letters(text):
    """A caption without spaces, case and punctuation, to know it again by."""
    return "".join(character for character in text.lower() if character.isalnum())


class Choice:
    """random.choice on a NumPy generator."""

    def __init__(self, rng):
        self.rng = rng

    def choice(self, items):
        return items[self.rng.integers(len(items))]


class Words:
    """Text-only material: paraphrase groups, and names with CLIP's own vectors."""

    def __init__(self, data, imagenet, without):
        """`without`: captions, as `letters` makes them, whose groups are left out."""
        with gzip.open(os.path.join(data, "text", "paraphrases.jsonl.gz"), "rt") as lines:
            groups = [json.loads(line) for line in lines]
        self.paraphrases = [group for group in groups if not without.intersection(map(letters, group))]
        stored = np.load(os.path.join(data, "teachers", "clip_vitb32_names.npz"))
        vectors = stored["emb"].astype(np.float32)
        by_name = {}
        for name, vector in zip(stored["names"], vectors):
            by_name.setdefault(str(name).lower(), []).append(vector)
        self.names = sorted(by_name)
        matrix = np.stack([np.mean(by_name[name], 0) for name in self.names])
        # All CLIP text vectors share a large common part; similarities mean something once it is gone.
        centre = matrix.mean(0)
        unit = lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True)
        self.vectors = unit(matrix - centre)
        self.imagenet_vectors = unit(np.stack([np.mean(by_name[", ".join(names)], 0) for names in imagenet]) - centre)

    def draw_names(self, count, rng):
        """Texts of `count` names and, for each, CLIP's cosines with the 1,000 ImageNet names."""
        chosen = rng.choice(len(self.names), count, replace=False)
        texts = []
        for n in chosen:
            variants = self.names[n].split(", ")
            texts.append(phrase(variants[rng.integers(min(3, len(variants)))], Choice(rng)))
        return texts, self.vectors[chosen] @ self.imagenet_vectors.T

    def draw_paraphrases(self, count, rng):
        """`count` pairs of captions of the same photo, as two lists."""
        pairs = []
        for n in rng.choice(len(self.paraphrases), count, replace=False):
            group = self.paraphrases[n]
            a, b = rng.choice(len(group), 2, replace=False)
            pairs.append((group[a], group[b]))
        return [a for a, _ in pairs], [b for _, b in pairs]
