"""Small random models of every family that imgvec reads, with inputs and the reference's outputs.

    pip install -r Fixtures/requirements-models.txt
    python Fixtures/generate_models.py

writes Fixtures/models (as transformers and torchvision users would save them) and Fixtures/golden/models. The same
versions give the same bytes.
"""
import collections
import json
import os
import random

import numpy
import torch

import torchvision_models  # before transformers, which imports torchvision
from PIL import Image
from safetensors.torch import load_file, save_file
from tokenizers import Regex, normalizers, pre_tokenizers
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTextConfig, CLIPTextModelWithProjection, CLIPTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS, GOLDEN = os.path.join(HERE, "models"), os.path.join(HERE, "golden", "models")
SEED = 20260727


# Tokenizers

WORDS = """a an the photo picture of on in with and two three dog cat bird horse sheep cow elephant bear zebra giraffe man woman
child girl boy people street city beach mountain river lake forest snow sky sea red green blue yellow black white small large
old young running sitting standing playing eating holding riding walking looking table chair bed car bus train boat bicycle
plane kitchen window door flower tree house bridge tower church market food pizza cake apple banana orange bread coffee
sunset night morning light shadow close-up portrait landscape drawing painting map screenshot""".split()
PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def caption(rng):
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(2, 9)))


def byte_characters():
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return [chr(b) for b in printable] + [chr(256 + n) for n in range(256 - len(printable))]


def train_tokenizer(size, whole_alphabet, rng):
    """Vocabulary and merges laid out as OpenAI's: bytes, bytes ending a word, merges, start and end.

    Trained here in plain Python: the library's trainer breaks ties by the order of its hash tables."""
    normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    splitter = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(PATTERN), "removed", invert=True),
                                        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    texts = [caption(rng) for _ in range(3000)]
    if whole_alphabet:
        texts += [other_text(rng) for _ in range(1500)]
    characters = byte_characters() if whole_alphabet else [chr(c) for c in range(ord("!"), ord("~") + 1)]
    vocabulary = characters + [c + "</w>" for c in characters]
    counts = collections.Counter(word for text in texts for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text)))
    words = {word: [*word[:-1], word[-1] + "</w>"] for word in counts}
    merges = []
    while len(vocabulary) < size - 2:
        pairs = collections.Counter()
        for word, pieces in words.items():
            for pair in zip(pieces, pieces[1:]):
                if all(piece in vocabulary for piece in pair):
                    pairs[pair] += counts[word]
        left, right = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append((left, right))
        if left + right not in vocabulary:
            vocabulary.append(left + right)
        for pieces in words.values():
            for i in range(len(pieces) - 1, 0, -1):
                if (i < len(pieces)) and (pieces[i - 1], pieces[i]) == (left, right):
                    pieces[i - 1:i + 1] = [left + right]
    vocabulary += ["<|startoftext|>", "<|endoftext|>"]
    return {piece: token for token, piece in enumerate(vocabulary)}, merges


def write_vocabulary(folder, vocabulary, merges):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "vocab.json"), "w", encoding="utf-8") as file:
        json.dump(vocabulary, file, ensure_ascii=folder.endswith("quick-gelu"))
    with open(os.path.join(folder, "merges.txt"), "w", encoding="utf-8") as file:
        file.write("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))


SNIPPETS = ["for i in range(10): print(i)", "int main(void) { return 0; }", "SELECT * FROM t WHERE a >= 'b';", "x=>x.y?.z ?? {}",
            "std::vector<float> v{1.f, 2e-3f};", "#include <stdio.h>", "let s = \"a\\n\\t\";", "a_b.c-d/e@f", "<html lang='en'>"]
EMOJI = ["😀", "👍🏽", "👨‍👩‍👧", "🇩🇪", "🐕", "❤️", "🏳️‍🌈", "☃", "①②", "½", "Ⅳ", "٣", "۴", "²"]
CHINESE = ["一只猫坐在桌子上", "红色的汽车", "海边的日落。", "東京タワー", "ねこ", "カタカナ", "고양이 사진", "山水画，２０２４年"]
ARABIC = ["قطة على الطاولة", "صورة لكلب", "مرحبا ١٢٣", "שלום עולם", "कुत्ते की तस्वीर", "แมวบนโต๊ะ", "Ελληνικός ΣΊΣΥΦΟΣ", "СОБАКА и кот", "Ñandú ŒUVRE ĲSSEL"]
COMBINING = ["e\u0301te\u0301", "A\u030angstro\u0308m", "\u1e9b\u0323", "q\u0307\u0323", "İstanbul Iıi", "ﬁne ﬂow", "\u0958", "Å\u212b\u2126", "a\u0301\u0328b", "n\u0303", "\u0301x", "ẞß", "ǅǆ", "\u1100\u1161\u11a8"]
CONTROLS = ["a\x00b", "tab\there", "line\nbreak\r\n", "\x01\x02\x1f", "a\u00a0b", "a\u200bb\u200d", "\u2028x\u2029", "\u3000wide\u3000", "\ufeffbom", "\u0085next", "del\x7f", "  many   spaces  ", "\u180emongol", "\x1c\x1d"]
CONTRACTIONS = ["it's", "DON'T", "they're we've I'm you'll he'd", "'s", "!'s", "''s", "rock'n'roll", "s's's", "o'clock 'tis", "’s it’s"]
MARKERS = ["<|endoftext|>", "a <|startoftext|> b", "<|ENDOFTEXT|>!!", "x<|endoftext|>y<|endoftext|>", "!<|StartOfText|>?", "<|end", "<|endoftext|", "<<|endoftext|>>", "< |endoftext|>"]
PUNCTUATION = list("!?.,;:-_()[]{}\"'`~@#$%^&*+=|\\/<>") + ["...", "!!!", "--", "—", "…", "«»", "€", "£5", "№", "§"]


def other_text(rng):
    groups = [SNIPPETS, EMOJI, CHINESE, ARABIC, COMBINING, CONTROLS, CONTRACTIONS, MARKERS, PUNCTUATION, WORDS]
    parts = [rng.choice(rng.choice(groups)) for _ in range(rng.randint(1, 4))]
    return rng.choice(["", " ", " ", "  "]).join(parts)


def random_text(rng):
    kind = rng.random()
    if kind < 0.3:
        return rng.choice([str.upper, str.title, str])(caption(rng)) + rng.choice(["", ".", "!", " 42", " 3.5 km"])
    if kind < 0.85:
        return other_text(rng)
    # Any assigned characters of the scripts in use, whatever that makes.
    ranges = [(0x20, 0x7F), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x4FF), (0x5D0, 0x5EA), (0x621, 0x64A),
              (0x900, 0x939), (0x1E00, 0x1EFF), (0x2010, 0x205E), (0x2100, 0x214F), (0x2460, 0x24FF), (0x3041, 0x30FF),
              (0x4E00, 0x4EFF), (0xAC00, 0xAD00), (0xFF01, 0xFF5E), (0x1F600, 0x1F64F)]
    unassigned = {0x378, 0x379, 0x380, 0x381, 0x382, 0x383, 0x38B, 0x38D, 0x3A2, 0x3097, 0x3098}
    return "".join(chr(c) for c in (rng.randint(*rng.choice(ranges)) for _ in range(rng.randint(1, 14))) if c not in unassigned)


def write_tokens(tokenizers):
    rng = random.Random(SEED)
    fixed = ["", " ", "a", "a photo of a cat", "x" * 90, " ".join(["dog"] * 60)] + SNIPPETS + EMOJI + CHINESE + ARABIC + COMBINING + CONTROLS
    texts = fixed + CONTRACTIONS + MARKERS + PUNCTUATION
    texts += [random_text(rng) for _ in range(2000 - len(texts))]
    golden = {}
    for name, (tokenizer, count) in tokenizers.items():
        golden[name] = [[t, tokenizer(t, truncation=True, max_length=tokenizer.model_max_length).input_ids,
                         tokenizer.decode(tokenizer(t).input_ids, skip_special_tokens=True)] for t in texts[:count]]
        if count == len(texts):  # decoding is checked on the others
            golden[name] = [row[:2] for row in golden[name]]
    with open(os.path.join(GOLDEN, "tokens.json"), "w", encoding="utf-8") as file:
        json.dump(golden, file, ensure_ascii=False, separators=(",", ":"))


# Towers

def randomize(module):
    """Weights at scales that keep activations near 1, so that a wrong layer shows in the output."""
    for name, parameter in module.named_parameters():
        if name == "logit_scale":
            parameter.data.fill_(3.5)
        elif parameter.dim() < 2:
            torch.nn.init.normal_(parameter, 0.5 if "norm" in name and name.endswith("weight") else 0, 0.3)
        elif "embedding" in name:
            torch.nn.init.normal_(parameter, 0, 0.5)
        else:
            torch.nn.init.normal_(parameter, 0, 1.2 * (parameter[0].numel()) ** -0.5)
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(part.weight, 0.5, 1.5)
            part.running_mean.normal_(0, 0.3)
            part.running_var.uniform_(0.5, 2)


def hooked(modules, run):
    """Runs and collects what the named modules give."""
    seen, handles = {}, []
    for name, module in modules.items():
        handles.append(module.register_forward_hook(
            lambda _, __, output, name=name: seen.__setitem__(name, (output[0] if isinstance(output, tuple) else output).detach())))
    result = run()
    for handle in handles:
        handle.remove()
    return result, seen


def flat(tensor):
    """[count, tokens, width] as the rows that the Swift towers work on."""
    return tensor.reshape(-1, tensor.shape[-1]).contiguous()


def clip_texts(tokenizer):
    return ["a photo of a cat", "two dogs", "", "the old man riding a horse on the beach with a red boat in the sky and snow",
            " ".join(WORDS), "naïve 日本 👍🏽"]


def text_golden(text_model, projection, tokenizer, golden):
    for index, text in enumerate(clip_texts(tokenizer)):
        ids = tokenizer(text, truncation=True, max_length=tokenizer.model_max_length, return_tensors="pt").input_ids
        layers = {f"layer.{i}": layer for i, layer in enumerate(text_model.encoder.layers)}
        layers["embeddings"] = text_model.embeddings
        output, seen = hooked(layers, lambda: text_model(input_ids=ids))
        golden[f"text.{index}.ids"] = ids[0].float()
        golden[f"text.{index}.vector"] = projection(output.pooler_output)
        if index in (0, 3):
            for name, value in seen.items():
                golden[f"text.{index}.{name}"] = flat(value)


@torch.no_grad()
def write_clip(name, tokenizer, activation, patch, legacy_end, dtype=None, source=None):
    folder = os.path.join(MODELS, name)
    size = 32
    if source is None:
        text = dict(hidden_size=36, intermediate_size=80, num_hidden_layers=2, num_attention_heads=3, vocab_size=len(tokenizer),
                    max_position_embeddings=40, hidden_act=activation, bos_token_id=tokenizer.bos_token_id,
                    eos_token_id=2 if legacy_end else tokenizer.eos_token_id)
        vision = dict(hidden_size=40, intermediate_size=96, num_hidden_layers=2, num_attention_heads=5, image_size=size,
                      patch_size=patch, hidden_act=activation)
        model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=24)).eval()
        torch.manual_seed(SEED + patch)
        randomize(model)
    else:
        model = CLIPModel.from_pretrained(os.path.join(MODELS, source), dtype=torch.float32).eval()
    model.to(dtype or torch.float32).save_pretrained(folder)
    model.float()
    processor = CLIPImageProcessorPil(size={"shortest_edge": size}, crop_size={"height": size, "width": size})
    processor.save_pretrained(folder)

    torch.manual_seed(SEED + 1)
    pixels = torch.randn(9 if dtype is None else 2, 3, size, size)
    layers = {f"layer.{i}": layer for i, layer in enumerate(model.vision_model.encoder.layers)}
    layers["embeddings"] = model.vision_model.pre_layrnorm
    output, seen = hooked(layers, lambda: model.vision_model(pixel_values=pixels))
    golden = {"pixels": pixels, "image.vectors": model.visual_projection(output.pooler_output)}
    if dtype is None:
        golden |= {f"image.{key}": flat(value[:2]) for key, value in seen.items()}
    picture = numpy.random.default_rng(SEED).integers(0, 256, (37, 50, 3), dtype=numpy.uint8)
    picture = numpy.asarray(Image.fromarray(picture).resize((50, 37), Image.BICUBIC).resize((100, 74), Image.BILINEAR))
    values = processor(Image.fromarray(picture), return_tensors="pt").pixel_values
    golden["picture"] = torch.from_numpy(picture.astype(numpy.float32))
    golden["picture.vector"] = model.visual_projection(model.vision_model(pixel_values=values).pooler_output)
    text_golden(model.text_model, model.text_projection, tokenizer, golden)
    save_file({key: value.contiguous() for key, value in golden.items()}, os.path.join(GOLDEN, name + ".safetensors"))


def network_golden(network, pixels):
    stages = {f"stage.{n}": getattr(network, f"layer{n}") for n in range(1, 5)} | {"stem": network.maxpool}
    network.fc = torch.nn.Identity()
    output, seen = hooked(stages, lambda: network(pixels))
    golden = {f"image.{key}": value[:2].permute(0, 2, 3, 1).contiguous() for key, value in seen.items()}
    return output, golden


@torch.no_grad()
def write_resnet(name, block, depths, width):
    torch.manual_seed(SEED + width)
    network = torchvision_models.narrow_resnet(block, depths, width).eval()
    randomize(network)
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, os.path.join(MODELS, name + ".safetensors"))
    pixels = torch.randn(3, 3, 64, 56)
    output, golden = network_golden(network, pixels)
    save_file(golden | {"pixels": pixels, "image.vectors": output}, os.path.join(GOLDEN, name + ".safetensors"))


@torch.no_grad()
def write_dual(name, tokenizer):
    """The layout of the embedded model: a basic-block ResNet and CLIP's text tower, projected into one space, float16."""
    folder = os.path.join(MODELS, name)
    torch.manual_seed(SEED + 3)
    widths, depths, side, projection = [8, 12, 20, 36], [1, 2, 1, 1], 48, 24
    network = torchvision_models.narrow_resnet("basic", depths, widths[0], widths).eval()
    network.fc = torch.nn.Identity()
    visual = torch.nn.Linear(widths[-1], projection, bias=False)
    config = CLIPTextConfig(hidden_size=36, intermediate_size=80, num_hidden_layers=2, num_attention_heads=3, vocab_size=len(tokenizer),
                            max_position_embeddings=32, hidden_act="quick_gelu", projection_dim=projection,
                            bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id)
    text = CLIPTextModelWithProjection(config).eval()
    for part in (network, visual, text):
        randomize(part)
        part.half().float()
    tensors = {f"vision_model.{k}": v for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}
    tensors |= {"visual_projection.weight": visual.weight, "logit_scale": torch.tensor(3.25)} | text.state_dict()
    save_file({k: v.half().contiguous() for k, v in tensors.items()}, os.path.join(folder, "model.safetensors"))
    fields = ("hidden_size intermediate_size num_hidden_layers num_attention_heads vocab_size max_position_embeddings hidden_act "
              "layer_norm_eps bos_token_id eos_token_id projection_dim").split()
    quantiles = [-0.2, -0.05, 0.02, 0.1, 0.9]
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump({"model_type": "imgvec_dual", "name": "tiny-dual", "version": "0.1", "projection_dim": projection,
                   "vision_config": {"model_type": "resnet", "layer_type": "basic", "embedding_size": widths[0], "hidden_sizes": widths,
                                     "depths": depths, "image_size": side},
                   "text_config": {f: getattr(config, f) for f in fields},
                   "calibration": {"image_image_quantiles": quantiles, "text_image_quantiles": [q / 2 for q in quantiles],
                                   "copy_threshold": 0.8}}, file, indent=1)
    with open(os.path.join(folder, "preprocessor_config.json"), "w") as file:
        json.dump({"do_resize": True, "size": {"height": side, "width": side}, "resample": 3, "do_center_crop": False, "do_rescale": True,
                   "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": [0.4, 0.5, 0.6], "image_std": [0.25, 0.3, 0.2]}, file, indent=1)
    pixels = torch.randn(5, 3, side, side)
    output, golden = network_golden(network, pixels)
    golden |= {"pixels": pixels, "image.vectors": visual(output)}
    text_golden(text.text_model, text.text_projection, tokenizer, golden)
    save_file({k: v.contiguous() for k, v in golden.items()}, os.path.join(GOLDEN, name + ".safetensors"))


def main():
    for folder in (MODELS, GOLDEN):
        os.makedirs(folder, exist_ok=True)
    rng = random.Random(SEED)
    whole, ascii_only = train_tokenizer(900, True, rng), train_tokenizer(420, False, rng)
    write_vocabulary(os.path.join(MODELS, "clip-quick-gelu"), *whole)
    write_vocabulary(os.path.join(MODELS, "dual"), *whole)

    def load(vocabulary, merges, length):
        return CLIPTokenizer(vocabulary, merges, model_max_length=length)

    long, short, lacking = load(*whole, 40), load(*whole, 32), load(*ascii_only, 40)
    # Saved as one tokenizer.json, which is all that newer transformers write.
    lacking.save_pretrained(os.path.join(MODELS, "clip-gelu"))
    write_tokens({"clip-quick-gelu": (long, 2000), "clip-gelu": (lacking, 400), "dual": (short, 100)})

    write_clip("clip-quick-gelu", long, "quick_gelu", 8, legacy_end=True)
    write_clip("clip-gelu", lacking, "gelu", 16, legacy_end=False)
    for name, dtype in (("clip-f16", torch.float16), ("clip-bf16", torch.bfloat16)):
        folder = os.path.join(MODELS, name)
        write_vocabulary(folder, *whole)
        write_clip(name, long, None, 8, True, dtype, source="clip-quick-gelu")
    write_resnet("resnet-basic", "basic", [1, 1, 1, 1], 8)
    write_resnet("resnet-bottleneck", "bottleneck", [1, 2, 1, 1], 6)
    write_dual("dual", short)
    for root, _, files in os.walk(MODELS):
        for name in files:
            if name in ("processor_config.json", "tokenizer_config.json", "special_tokens_map.json", "generation_config.json"):
                print("kept", os.path.join(root, name))


if __name__ == "__main__":
    main()
