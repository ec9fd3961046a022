"""Small tokenizers of every kind that imgvec reads, trained here, with the reference's numbers for 10,000 texts each.

    pip install -r Fixtures/requirements-tokenizers.txt
    python Fixtures/generate_tokenizers.py                 # writes Fixtures/tokenizers
    python Fixtures/generate_tokenizers.py make NAME…      # only these of it ("older": vocab files, "ranks": .tiktoken)
    python Fixtures/generate_tokenizers.py check DIR OUT   # numbers of any tokenizer for the same texts
    python Fixtures/generate_tokenizers.py texts N OUT     # the texts themselves, one JSON string a line

The texts come from a generator that Tests/EncodersTests/TokenizerTexts.swift repeats draw by draw, so that only digests
of the numbers have to be stored: 64-bit FNV-1a over the little-endian 32-bit numbers of each chunk of 100 texts, and the
numbers in full of the first texts, for messages. The trainers break ties by hash tables' order, so a second run may
train other vocabularies; the numbers are made anew with them.
"""
import base64
import collections
import json
import os
import sys

from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers)

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, "tokenizers")
TEXTS, CHUNK, SHOWN = 10_000, 100, 40
MASK = (1 << 64) - 1


MAPPINGS = '''/// Compatibility decompositions (Unicode 9, UnicodeData.txt field 5 with a tag, applied in full), as they are
/// needed for NFKC and NFKD; Swift's library holds the canonical ones only.
///
/// Written by `Fixtures/generate_tokenizers.py compatibility`, from what the reference makes of each scalar.
enum CompatibilityMappings {
    /// The scalars one decomposes to, nil when its compatibility decomposition is the canonical one.
    static func mapping(of value: UInt32) -> ArraySlice<UInt32>? {
        if value < 0xA0 || (value >= 0x3400 && value < 0xA69C) { return nil }
        return table[value]
    }

    private static let table: [UInt32: ArraySlice<UInt32>] = {
        var table: [UInt32: ArraySlice<UInt32>] = [:]
        table.reserveCapacity(%d)
        for index in stride(from: 0, to: runs.count - 2, by: 3) {
            for step in 0..<runs[index + 1] { table[runs[index] + step] = [runs[index + 2] + step] }
        }
        var index = 0
        while index + 1 < longer.count {
            let count = Int(longer[index + 1])
            table[longer[index]] = longer[index + 2..<index + 2 + count]
            index += 2 + count
        }
        return table
    }()

    /// First scalar, number of scalars, first scalar of what they become.
    private static let runs: [UInt32] = [
%s
    ]

    /// Scalar, number of scalars it becomes, these.
    private static let longer: [UInt32] = [
%s
    ]
}
'''


# Texts

class Draws:
    """SplitMix64, as SeededRandom in Tests/TestSupport; `below(n)` is the upper half times n."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def below(self, count):
        return ((self.next() >> 32) * count) >> 32

    def one(self, items):
        return items[self.below(len(items))]


with open(os.path.join(FOLDER, "words.json"), encoding="utf-8") as file:
    WORDS = json.load(file)


def scalar(draws, first, last):
    value = first + draws.below(last - first + 1)
    return chr(value if not 0xD800 <= value <= 0xDFFF else 0xFFFD)


def utf8(text):
    return text.encode("utf-8")


def caption(draws):
    words = []
    for _ in range(2 + draws.below(9)):
        word = draws.one(WORDS["captions"])
        if draws.below(8) == 0:
            word = word.upper() if draws.below(2) else word.capitalize()
        words.append(word)
    return utf8(" ".join(words) + draws.one(["", ".", "!", "?", "...", ", 2024", "'s", " - "]))


def code(draws):
    text = ""
    for _ in range(1 + draws.below(12)):
        text += draws.one(WORDS["code"])
        text += draws.one([" ", "", "\n", "    ", "\t", "\r\n", "  ", " = "])
    return utf8(text)


def foreign(draws):
    words = draws.one(WORDS["languages"])
    text = ""
    for _ in range(1 + draws.below(9)):
        text += draws.one(words) + draws.one([" ", " ", "", "\u3000", "\u00A0", ", ", "。", "\u200B"])
    return utf8(text)


def emoji(draws):
    text = ""
    for _ in range(1 + draws.below(6)):
        text += draws.one(WORDS["emoji"]) + draws.one(["", " ", "", "\uFE0F", "\u200D", "!"])
    return utf8(text)


def marks(draws):
    text = ""
    for _ in range(1 + draws.below(8)):
        text += scalar(draws, 0x61, 0x7A)
        for _ in range(draws.below(4)):
            first, last = draws.one([(0x300, 0x36F), (0x1AB0, 0x1ACE), (0x20D0, 0x20F0), (0x591, 0x5BD), (0x64B, 0x65F),
                                     (0x93C, 0x94D), (0xE31, 0xE3A), (0xE47, 0xE4E), (0x3099, 0x309A), (0x1D165, 0x1D172)])
            text += scalar(draws, first, last)
    return utf8(text)


def anything(draws):
    text = ""
    for _ in range(1 + draws.below(16)):
        first, last = draws.one(WORDS["ranges"])
        text += scalar(draws, first, last)
        if draws.below(4) == 0:
            text += draws.one([" ", "a", "'", "\n", "1"])
    return utf8(text)


def controls(draws):
    text = ""
    for _ in range(1 + draws.below(10)):
        kind = draws.below(3)
        text += scalar(draws, 0, 0x1F) if kind == 0 else scalar(draws, 0x7F, 0xA0) if kind == 1 else draws.one(WORDS["spaces"])
        text += draws.one(["", "x", "photo ", "7"])
    return utf8(text)


def special(draws):
    text = ""
    for _ in range(1 + draws.below(6)):
        text += draws.one(WORDS["special"]) + draws.one(["", " ", "a", "  ", "dog", "\n"])
    return utf8(text)


def long_word(draws):
    part = draws.one(WORDS["captions"] + ["ab", "x", "ß", "漢", "-", "=", "aa"])
    return utf8(part * (20 + draws.below(60)))


def broken(draws):
    """Bytes that are no UTF-8; as Python strings cannot hold them, the reference gets errors='replace'."""
    data = bytearray(caption(draws) if draws.below(2) else foreign(draws))
    for _ in range(1 + draws.below(4)):
        at = draws.below(len(data) + 1)
        data[at:at] = bytes([draws.one([0x80, 0xBF, 0xC0, 0xC3, 0xE2, 0xED, 0xF0, 0xF4, 0xFF, 0xA0, 0x98])])
    return bytes(data)


KINDS = [caption, caption, caption, caption, code, code, foreign, foreign, foreign, emoji, marks, anything, anything,
         controls, special, long_word, broken]


def text(index):
    draws = Draws(index)
    if draws.below(200) == 0:
        return b""
    return draws.one(KINDS)(draws)


def all_texts():
    return [text(index).decode("utf-8", errors="replace") for index in range(TEXTS)]


# Training

def corpus():
    return [line for index in range(1_000_000, 1_006_000) for line in [text(index).decode("utf-8", errors="replace")]
            if Draws(index).below(3) or line.isascii()]


SPECIAL = ["<|endoftext|>", "<|startoftext|>"]


def byte_level(size, prefix_space):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix_space)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=["<|endoftext|>"], show_progress=False))
    return tokenizer


def gpt2():
    return byte_level(900, False)


def roberta():
    tokenizer = byte_level(700, True)
    tokenizer.add_special_tokens(["<s>", "</s>", AddedToken("<mask>", lstrip=True, special=True)])
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", tokenizer.token_to_id("</s>")), ("<s>", tokenizer.token_to_id("<s>")), trim_offsets=True, add_prefix_space=True)
    tokenizer.enable_truncation(64)
    return tokenizer


LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")


def llama3():
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(LLAMA3), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=1000, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=["<|begin_of_text|>", "<|end_of_text|>"],
        show_progress=False))
    # A piece that no merge makes, as Llama-3 has them.
    data = json.loads(tokenizer.to_str())
    data["model"]["vocab"]["Ġzzphoto"] = max(data["model"]["vocab"].values()) + 1
    tokenizer = Tokenizer.from_str(json.dumps(data))
    tokenizer.add_tokens([AddedToken("photo of", single_word=True, normalized=True), AddedToken("<tool>", rstrip=True, lstrip=True)])
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), processors.TemplateProcessing(
        single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", tokenizer.token_to_id("<|begin_of_text|>"))])])
    return tokenizer


def llama2(legacy):
    """SentencePiece-style BPE with byte fallback."""
    base = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    base.normalizer = normalizers.Replace(" ", "▁")
    base.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=True)
    base.train_from_iterator([line for line in corpus() if line.isascii()], trainers.BpeTrainer(
        vocab_size=900, show_progress=False, initial_alphabet=list("éüß日本"), limit_alphabet=110,
        special_tokens=["<unk>", "<s>", "</s>", *[f"<0x{b:02X}>" for b in range(256)]]))
    data = json.loads(base.to_str())
    for token in data["added_tokens"]:
        token["special"] = token["id"] < 3
    data["added_tokens"] = data["added_tokens"][:3]
    tokenizer = Tokenizer.from_str(json.dumps(data))
    if legacy:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        tokenizer.pre_tokenizer = None
    else:
        tokenizer.normalizer = None
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence([
        decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(content=" ", left=1)])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return tokenizer


def bert(cased):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=not cased, strip_accents=None)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.train_from_iterator(corpus(), trainers.WordPieceTrainer(
        vocab_size=1200, limit_alphabet=400, show_progress=False, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.enable_truncation(48)
    tokenizer.enable_padding(length=48, pad_id=0, pad_token="[PAD]") if cased else None
    return tokenizer


def character_rules():
    """A small map of the kind of nmt_nfkc, whose own takes 300 kB."""
    import unicodedata
    rules = {chr(c): "" for c in [*range(1, 9), 0xB, *range(0xE, 0x20), 0x7F, 0x8F, 0x9F]}
    rules |= {chr(c): " " for c in [9, 10, 12, 13, 0xA0, 0x1680, *range(0x2000, 0x2010), 0x2028, 0x2029, 0x202F, 0x205F, 0x2581, 0x3000, 0xFEFF]}
    for first, last in [(0xA0, 0x17F), (0x1C4, 0x233), (0x1E00, 0x1EFF), (0x2100, 0x218F), (0x2460, 0x24FF), (0x3300, 0x33FF),
                        (0xF900, 0xF9FF), (0xFB00, 0xFB4F), (0xFF01, 0xFFEF), (0x1D400, 0x1D4FF)]:
        for c in range(first, last + 1):
            composed = unicodedata.normalize("NFKC", chr(c))
            if composed != chr(c):
                rules.setdefault(chr(c), composed)
            decomposed = unicodedata.normalize("NFD", chr(c))
            if decomposed != chr(c):
                rules.setdefault(decomposed, unicodedata.normalize("NFKC", chr(c)))
    return sorted(rule for rule in rules.items() if rule[0] != rule[1])


def unigram(kind):
    import sentencepiece
    lines = [line.replace("\n", " ").replace("\0", " ") for line in corpus()]
    counts = collections.Counter(char for line in lines for char in line)
    lines = [line for line in lines if all(counts[char] >= 30 for char in line)]
    prefix = os.path.join(FOLDER, "scratch")
    with open(prefix + ".tsv", "w", encoding="utf-8") as file:
        file.writelines("\t".join(" ".join(f"{ord(char):X}" for char in side) for side in rule) + "\n" for rule in character_rules())
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([line for line in lines if line.strip()]), model_prefix=prefix, vocab_size=1200, model_type="unigram",
        byte_fallback=kind == "bytes", character_coverage=0.98, hard_vocab_limit=False, minloglevel=2, num_threads=1,
        normalization_rule_tsv=prefix + ".tsv")
    import sentencepiece.sentencepiece_model_pb2 as pb2
    proto = pb2.ModelProto()
    with open(prefix + ".model", "rb") as file:
        proto.ParseFromString(file.read())
    for end in (".model", ".vocab", ".tsv"):
        os.remove(prefix + end)
    tokenizer = Tokenizer(models.Unigram([(piece.piece, piece.score) for piece in proto.pieces], 0, kind == "bytes"))
    charsmap = proto.normalizer_spec.precompiled_charsmap
    steps = [normalizers.Precompiled(charsmap)] if kind == "siglip" else [normalizers.Nmt(), normalizers.NFKC(), normalizers.Lowercase()]
    tokenizer.normalizer = normalizers.Sequence([*steps, normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always" if kind == "siglip" else "never")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always" if kind == "siglip" else "never")
    eos = tokenizer.token_to_id("</s>")
    tokenizer.add_special_tokens(["<s>", "</s>", "<unk>"])
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", eos)])
    tokenizer.enable_truncation(64, direction="left" if kind == "bytes" else "right")
    return tokenizer


def parts():
    """One tokenizer for the steps that no known family uses together."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", continuing_subword_prefix="@@", end_of_word_suffix="_", fuse_unk=False))
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.NFKD(), normalizers.StripAccents(), normalizers.Strip(), normalizers.Replace(Regex(r"(?<=\d),(?=\d)"), ""),
        normalizers.NFC()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.Split("e", "merged_with_previous"), pre_tokenizers.Split(Regex("[aou]+"), "merged_with_next"),
        pre_tokenizers.CharDelimiterSplit("_")])
    tokenizer.decoder = decoders.BPEDecoder(suffix="_")
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=700, limit_alphabet=200, continuing_subword_prefix="@@", end_of_word_suffix="_", special_tokens=["<unk>"], show_progress=False))
    return tokenizer


def words_only():
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase(), normalizers.NFKC()])
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.train_from_iterator(corpus(), trainers.WordLevelTrainer(vocab_size=600, special_tokens=["[UNK]"], show_progress=False))
    tokenizer.enable_padding(pad_to_multiple_of=8, pad_id=0, pad_token="[UNK]", direction="left")
    return tokenizer


# Numbers

def digest(rows):
    value = 0xCBF29CE484222325
    for row in rows:
        for number in [*row, 0xFFFFFFFF]:
            for byte in (number & 0xFFFFFFFF).to_bytes(4, "little"):
                value = ((value ^ byte) * 0x100000001B3) & MASK
    return f"{value:016x}"


def text_digest(texts):
    return digest([list(text.encode("utf-8")) for text in texts])


def record(name, texts, encode, decode, note):
    rows = [encode(text) for text in texts]
    decoded = [decode(row) for row in rows]
    value = {
        "reference": note, "texts": text_digest(texts), "tokens": sum(map(len, rows)),
        "chunks": [digest(rows[at:at + CHUNK]) for at in range(0, TEXTS, CHUNK)],
        "decoded": [text_digest(decoded[at:at + CHUNK]) for at in range(0, TEXTS, CHUNK)],
        "shown": [[rows[index], decoded[index]] for index in range(SHOWN)],
    }
    with open(os.path.join(FOLDER, name + ".golden.json"), "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=True, separators=(",", ":"))
    print(name, value["tokens"], "tokens")


def write(name, tokenizer, texts):
    path = os.path.join(FOLDER, name + ".json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(json.loads(tokenizer.to_str()), file, ensure_ascii=False, separators=(",", ":"))
    tokenizer = Tokenizer.from_file(path)
    record(name, texts, lambda text: tokenizer.encode(text).ids, lambda ids: tokenizer.decode(ids), "tokenizers 0.23.3")


def older_files(texts):
    from transformers import BertTokenizer, GPT2Tokenizer, RobertaTokenizer
    with open(os.path.join(FOLDER, "gpt2.json"), encoding="utf-8") as file:
        model = json.load(file)["model"]
    folder = os.path.join(FOLDER, "gpt2-files")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "vocab.json"), "w", encoding="utf-8") as file:
        json.dump(model["vocab"], file, ensure_ascii=True, separators=(",", ":"))
    with open(os.path.join(folder, "merges.txt"), "w", encoding="utf-8") as file:
        file.write("#version: 0.2\n" + "".join(" ".join(pair) + "\n" for pair in model["merges"]))
    reference = GPT2Tokenizer.from_pretrained(folder)
    record("gpt2-files", texts, lambda text: reference.encode(text),
           lambda ids: reference.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False), "transformers 5.23.0 GPT2Tokenizer")
    with open(os.path.join(FOLDER, "bert-cased.json"), encoding="utf-8") as file:
        vocabulary = json.load(file)["model"]["vocab"]
    folder = os.path.join(FOLDER, "bert-files")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "vocab.txt"), "w", encoding="utf-8") as file:
        file.write("".join(piece + "\n" for piece in sorted(vocabulary, key=vocabulary.get)))
    with open(os.path.join(folder, "tokenizer_config.json"), "w", encoding="utf-8") as file:
        json.dump({"tokenizer_class": "BertTokenizer", "do_lower_case": False, "tokenize_chinese_chars": False}, file)
    reference = BertTokenizer.from_pretrained(folder)
    record("bert-files", texts, lambda text: reference.encode(text),
           lambda ids: reference.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False), "transformers 5.23.0 BertTokenizer")


def rank_files(texts):
    import tiktoken
    from tiktoken_ext import openai_public
    with open(os.path.join(FOLDER, "gpt2.json"), encoding="utf-8") as file:
        vocabulary = json.load(file)["model"]["vocab"]
    characters = {char: byte for byte, char in enumerate(byte_characters())}
    ranks = {}
    for piece, _ in sorted(vocabulary.items(), key=lambda item: item[1]):
        if piece != "<|endoftext|>":
            ranks[bytes(characters[char] for char in piece)] = len(ranks)
    # tiktoken merges bytes in rank order, so bytes come first here too.
    with open(os.path.join(FOLDER, "small.tiktoken"), "w") as file:
        file.write("".join(f"{base64.b64encode(piece).decode()} {rank}\n" for piece, rank in ranks.items()))
    patterns = {"r50k": openai_public.r50k_pat_str}
    for name in ("cl100k", "o200k"):
        original = openai_public.load_tiktoken_bpe
        openai_public.load_tiktoken_bpe = lambda *_, **__: ranks
        patterns[name] = getattr(openai_public, name + "_base")()["pat_str"]
        openai_public.load_tiktoken_bpe = original
    for name, pattern in patterns.items():
        encoding = tiktoken.Encoding(name=name, pat_str=pattern, mergeable_ranks=ranks,
                                     special_tokens={"<|endoftext|>": len(ranks), "<|endofprompt|>": len(ranks) + 5})
        record("tiktoken-" + name, texts, lambda text: encoding.encode(text, allowed_special="all"),
               lambda ids: encoding.decode([id for id in ids if id < len(ranks)]), "tiktoken 0.14.0")


def byte_characters():
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(256, 512))
    return [chr(b) if b in printable else chr(next(others)) for b in range(256)]


def main(wanted=()):
    texts = all_texts()
    for name, make in [
        ("gpt2", gpt2), ("roberta", roberta), ("llama3", llama3), ("llama2", lambda: llama2(False)),
        ("llama2-legacy", lambda: llama2(True)), ("bert-uncased", lambda: bert(False)), ("bert-cased", lambda: bert(True)),
        ("siglip", lambda: unigram("siglip")), ("unigram-bytes", lambda: unigram("bytes")), ("parts", parts), ("word-level", words_only),
    ]:
        if not wanted or name in wanted:
            write(name, make(), texts)
    if not wanted or "older" in wanted:
        older_files(texts)
    if not wanted or "ranks" in wanted:
        rank_files(texts)


def compatibility():
    """Writes CompatibilityMappings.swift, from what the reference makes of each scalar."""
    scalars = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    nfkd, nfd = normalizers.NFKD(), normalizers.NFD()
    table = {ord(c): [ord(x) for x in nfkd.normalize_str(c)] for c in scalars if nfkd.normalize_str(c) != nfd.normalize_str(c)}
    singles = sorted(c for c in table if len(table[c]) == 1)
    runs, index = [], 0
    while index < len(singles):
        first, count = singles[index], 1
        while (index + count < len(singles) and singles[index + count] == first + count
               and table[first + count][0] == table[first][0] + count):
            count += 1
        runs.append(f"0x{first:X}, {count}, 0x{table[first][0]:X}")
        index += count
    longer = [", ".join([f"0x{c:X}", str(len(table[c])), *(f"0x{x:X}" for x in table[c])]) for c in sorted(table) if len(table[c]) > 1]

    def lines(numbers):
        result, line = [], " " * 8
        for number in numbers:
            if len(line) + len(number) + 2 > 108:
                result.append(line.rstrip())
                line = " " * 8
            line += number + ", "
        return "\n".join([*result, line.rstrip()])
    with open(os.path.join(HERE, "..", "Sources", "Encoders", "Tokenizers", "Text", "CompatibilityMappings.swift"), "w") as file:
        file.write(MAPPINGS % (len(table), lines(runs), lines(longer)))


def check(path, out):
    """The numbers of a tokenizer found elsewhere, for a comparison outside the tests."""
    tokenizer = Tokenizer.from_file(path)
    with open(out, "w") as file:
        for text in all_texts():
            file.write(" ".join(map(str, tokenizer.encode(text).ids)) + "\n")


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    elif sys.argv[1] == "make":
        main(sys.argv[2:])
    elif sys.argv[1] == "compatibility":
        compatibility()
    elif sys.argv[1] == "check":
        check(*sys.argv[2:])
    elif sys.argv[1] == "texts":
        with open(sys.argv[3], "w") as file:
            for index in range(int(sys.argv[2])):
                file.write(json.dumps(text(index).decode("utf-8", errors="replace")) + "\n")
