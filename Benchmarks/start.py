"""How long one question takes, as a whole process, on a large index: python3 start.py BINARY [--rows 100000] [--work DIR]

Draws small JPEGs, indexes them with the embedded model and with one that has the text tower of CLIP ViT-B/32 (random weights,
a vocabulary and merges of CLIP's numbers) and an image tower of one narrow layer, so that indexing takes minutes. Then asks
in turn, with everything in the page cache: a text of each model, and an indexed picture. Medians and the slowest.
"""
import argparse
import json
import random
import statistics
import subprocess
import time
from pathlib import Path

import numpy as np
from PIL import Image

WIDTH, LAYERS, WORDS, LENGTH, SPACE, NARROW = 512, 12, 49_408, 77, 512, 64


def draw_pictures(folder, rows):
    generator = np.random.default_rng(3)
    for number in range(rows):
        place = folder / f"{number // 1000:04d}"
        if number % 1000 == 0:
            place.mkdir(parents=True, exist_ok=True)
        colours = generator.integers(0, 256, (4, 5, 3), dtype=np.uint8)
        path = place / f"{number % 1000:03d}.jpg"
        if not path.exists():
            Image.fromarray(colours).resize((80, 64), Image.BICUBIC).save(path, quality=85)


def tensors():
    """Names and shapes of a CLIP with a text tower of ViT-B/32's size."""
    def layers(tower, width, inner, count):
        for n in range(count):
            at = f"{tower}.encoder.layers.{n}"
            for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
                yield f"{at}.self_attn.{name}.weight", (width, width)
                yield f"{at}.self_attn.{name}.bias", (width,)
            for name, shape in (("fc1", (inner, width)), ("fc2", (width, inner))):
                yield f"{at}.mlp.{name}.weight", shape
                yield f"{at}.mlp.{name}.bias", shape[:1]
            for name in ("layer_norm1", "layer_norm2"):
                yield f"{at}.{name}.weight", (width,)
                yield f"{at}.{name}.bias", (width,)

    yield "text_model.embeddings.token_embedding.weight", (WORDS, WIDTH)
    yield "text_model.embeddings.position_embedding.weight", (LENGTH, WIDTH)
    yield from layers("text_model", WIDTH, 4 * WIDTH, LAYERS)
    yield "text_model.final_layer_norm.weight", (WIDTH,)
    yield "text_model.final_layer_norm.bias", (WIDTH,)
    yield "text_projection.weight", (SPACE, WIDTH)
    yield "vision_model.embeddings.class_embedding", (NARROW,)
    yield "vision_model.embeddings.patch_embedding.weight", (NARROW, 3, 32, 32)
    yield "vision_model.embeddings.position_embedding.weight", (50, NARROW)
    yield from layers("vision_model", NARROW, NARROW, 1)
    for name in ("pre_layrnorm", "post_layernorm"):
        yield f"vision_model.{name}.weight", (NARROW,)
        yield f"vision_model.{name}.bias", (NARROW,)
    yield "visual_projection.weight", (SPACE, NARROW)
    yield "logit_scale", ()


def make_model(folder):
    folder.mkdir(parents=True, exist_ok=True)
    header, offset, shapes = {}, 0, dict(tensors())
    for name, shape in shapes.items():
        size = 4 * int(np.prod(shape))
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    generator = np.random.default_rng(1)
    with open(folder / "model.safetensors", "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, shape in shapes.items():
            norm = "norm" in name and name.endswith("weight")
            file.write((generator.standard_normal(shape, "f4") * np.float32(0.03) + np.float32(norm)).astype("f4").tobytes())
    tower = {"num_attention_heads": 8, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5}
    (folder / "config.json").write_text(json.dumps({
        "model_type": "clip", "architectures": ["CLIPModel"], "projection_dim": SPACE,
        "text_config": tower | {"hidden_size": WIDTH, "intermediate_size": 4 * WIDTH, "num_hidden_layers": LAYERS,
                                "vocab_size": WORDS, "max_position_embeddings": LENGTH, "eos_token_id": WORDS - 1},
        "vision_config": tower | {"hidden_size": NARROW, "intermediate_size": NARROW, "num_hidden_layers": 1,
                                  "num_attention_heads": 1, "image_size": 224, "patch_size": 32}}))
    write_tokenizer(folder)


def write_tokenizer(folder):
    """As many bytes, merges and special tokens as CLIP's; the merges are drawn."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    other = [byte for byte in range(256) if byte not in kept]
    characters = [chr(byte) for byte in kept] + [chr(256 + n) for n in range(len(other))]
    tokens, merges, draw = characters + [c + "</w>" for c in characters], [], random.Random(1)
    inner, ends, seen = list("etaoinshrdlucmfwypvbgkjqxz"), [c + "</w>" for c in "etaoinshrdlucmfwypvbgkjqxz"], set(tokens)
    while len(tokens) < WORDS - 2:
        first = draw.choice(inner[:26 + len(inner) // 3])
        second = draw.choice(ends if draw.random() < 0.5 else inner)
        token = first + second
        if token in seen or len(token) > 16:
            continue
        seen.add(token)
        tokens.append(token)
        merges.append(f"{first} {second}")
        (ends if token.endswith("</w>") else inner).append(token)
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: n for n, token in enumerate(tokens)}, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--work", type=Path, default=Path(".build/start"))
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    work, pictures, model = options.work, options.work / "pictures", options.work / "clip"
    if not (work / "ready").exists():
        draw_pictures(pictures, options.rows)
        make_model(model)
        for choice in ([], ["--model", model]):
            subprocess.run([options.binary, "index", pictures, "--index", work / "index", "-q", *choice], check=True)
        (work / "ready").write_text("")
    questions = {
        "text, embedded model": ["--text", "a red car"],
        "text, ViT-B/32's text tower": ["--text", "a red car", "--model", model],
        "indexed picture": ["--image", pictures / "0003" / "007.jpg"],
    }
    taken = {name: [] for name in questions}
    for _ in range(options.rounds + 1):
        for name, words in questions.items():
            begin = time.perf_counter()
            subprocess.run([options.binary, "find", "--index", work / "index", *words], check=True, stdout=subprocess.DEVNULL)
            taken[name].append(1000 * (time.perf_counter() - begin))
    print(f"{options.rows} pictures, whole process, milliseconds; the first of {options.rounds + 1} rounds is left out")
    for name, times in taken.items():
        print(f"{name:32s} median {statistics.median(times[1:]):6.1f}   slowest {max(times[1:]):6.1f}")


if __name__ == "__main__":
    main()
