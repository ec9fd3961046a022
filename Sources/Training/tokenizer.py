"""imgvec-mini's tokenizer: byte-level BPE with CLIP's conventions and an own, small vocabulary.

    python tokenizer.py --data ../shared/data --run RUN

Writes RUN/tokenizer/vocab.json and merges.txt, which transformers.CLIPTokenizer reads. Ids are laid out as OpenAI
did: 256 bytes, the same 256 ending a word, one id per merge in order, <|startoftext|>, <|endoftext|>.
"""
import collections
import gzip
import json
import os

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from prepare import options_parser, read_rows
from words import TEMPLATES, HYPERNYMS, with_article

VOCABULARY = 6144
PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def texts(data):
    """Captions once; names of things several times, so that common nouns become single tokens."""
    with gzip.open(os.path.join(data, "text", "captions.txt.gz"), "rt") as lines:
        yield from (line.strip() for line in lines)
    with open(os.path.join(data, "text", "concept_names.txt")) as lines:
        yield from (line.strip() for line in lines)
    names = collections.Counter(list(HYPERNYMS))
    for row in read_rows(data):
        if row["split"] == "train":
            names.update([row.get("label", "photo")] + row.get("also", []))
    for name, count in names.items():
        yield from [name] * min(count, 30)
    yield from (template.format("photo", a=with_article("photo")) for template in TEMPLATES)


def byte_characters():
    """The printable stand-ins of the 256 bytes, in the order of OpenAI's vocabulary."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    return [chr(b) for b in printable] + [chr(256 + n) for n in range(len(others))]


def train(data, folder):
    bpe = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    bpe.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    bpe.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(PATTERN), "removed", invert=True),
                                                 pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    # The trainer's own base symbols vary with the corpus; asking for a few more merges than needed, then cutting, fixes the size.
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY + 64, end_of_word_suffix="</w>", min_frequency=2, show_progress=False,
                                  initial_alphabet=byte_characters())
    bpe.train_from_iterator(texts(data), trainer)
    merges = [tuple(m) for m in json.loads(bpe.to_str())["model"]["merges"]]

    vocabulary = byte_characters() + [c + "</w>" for c in byte_characters()]
    known, kept = set(vocabulary), []
    for left, right in merges:
        if len(vocabulary) == VOCABULARY - 2:
            break
        if left in known and right in known and left + right not in known:
            vocabulary.append(left + right)
            known.add(left + right)
            kept.append((left, right))
    vocabulary += ["<|startoftext|>", "<|endoftext|>"]
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "vocab.json"), "w", encoding="utf-8") as file:
        json.dump({token: i for i, token in enumerate(vocabulary)}, file, ensure_ascii=False)
    with open(os.path.join(folder, "merges.txt"), "w", encoding="utf-8") as file:
        file.write("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in kept))


def load(folder):
    """The reference tokenizer of transformers, reading our files."""
    from transformers import CLIPTokenizer

    return CLIPTokenizer(os.path.join(folder, "vocab.json"), os.path.join(folder, "merges.txt"))


if __name__ == "__main__":
    parser = options_parser()
    options = parser.parse_args()
    train(options.data, os.path.join(options.run, "tokenizer"))
    tokenizer = load(os.path.join(options.run, "tokenizer"))
    for text in ("A photo of a Golden Retriever!", "naïve café  42", "日本", "it's two dogs"):
        print(text, "->", tokenizer.tokenize(text), tokenizer(text).input_ids)
