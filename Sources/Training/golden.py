"""Reference outputs of the exported model, for the Swift towers and tokenizer to be held against.

    python golden.py --model Sources/CBundledModel/data --golden Fixtures/golden/mini

Everything is read back from the exported files: the float16 weights run in float32, the tokenizer is transformers'
CLIPTokenizer, and the text tower is also run as transformers' CLIPTextModelWithProjection to prove that the exported
folder means what CLIP folders mean. Pictures are drawn here, from a fixed seed.
"""
import argparse
import json
import os

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

import tokenizer as tokenizers
from model import DualEncoder, from_exported, image_parts, load_finished, normalise, pad

TEXTS = ["dog", "a photo of a cat", "Two men play football on a beach.", "sunset over the sea", "A red sports car parked in front of a house",
         "scanned receipt", "  Espresso \n MACHINE  ", "naïve café, 42 €!", "日本の写真 🐕", "it's the children's birthday cake, isn't it?",
         "", "a very long query " * 12]


def drawn_pictures(side=112):
    """Six uint8 RGB pictures (6, side, side, 3): noise, gradients, discs, stripes, a checkerboard, near black."""
    rng = np.random.default_rng(20)
    y, x = np.mgrid[0:side, 0:side]
    noise = rng.integers(0, 256, (side, side, 3))
    gradient = np.stack([x * 255 // (side - 1), y * 255 // (side - 1), (x + y) * 255 // (2 * side - 2)], -1)
    discs = np.full((side, side, 3), 200)
    for _ in range(12):
        cx, cy, r = rng.integers(0, side, 3)
        discs[(x - cx) ** 2 + (y - cy) ** 2 < (4 + r // 5) ** 2] = rng.integers(0, 256, 3)
    stripes = np.where(((x + 2 * y) // 9 % 2 == 0)[..., None], [230, 60, 20], [20, 90, 200])
    board = np.where(((x // 16 + y // 16) % 2 == 0)[..., None], 255, 0) * np.ones(3, int)
    dark = rng.integers(0, 6, (side, side, 3))
    return np.stack([noise, gradient, discs, stripes, board, dark]).astype(np.uint8)


def load_exported(folder):
    with open(os.path.join(folder, "config.json")) as file:
        config = json.load(file)
    weights = {name: value.float() for name, value in load_file(os.path.join(folder, "model.safetensors")).items()}
    model = DualEncoder(config["vision_config"], config["text_config"])
    assert config["image_parts"] == image_parts()
    return load_finished(model, from_exported(weights), config["querybanks"]), config, weights


def hugging_face_text_vectors(config, weights, ids, end):
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    reference = CLIPTextModelWithProjection(CLIPTextConfig(**config["text_config"])).eval()
    own = {name: value for name, value in weights.items() if name.startswith("text_")}
    missing, unexpected = reference.load_state_dict(own, strict=False)
    assert not unexpected and all("position_ids" in name for name in missing), (missing, unexpected)
    return F.normalize(reference(pad(ids, end)).text_embeds, dim=-1)


@torch.no_grad()
def write_golden(model_folder, folder):
    os.makedirs(folder, exist_ok=True)
    tokenizer = tokenizers.load(model_folder)
    model, config, weights = load_exported(model_folder)
    pictures = drawn_pictures()
    pixels = normalise(torch.from_numpy(pictures).permute(0, 3, 1, 2))
    ids = [tokenizer(text, truncation=True, max_length=32).input_ids for text in TEXTS]
    # One text at a time, unpadded: the plainest computation.
    texts = torch.cat([model.encode_texts(torch.tensor([one])) for one in ids])
    difference = (texts - hugging_face_text_vectors(config, weights, ids, tokenizer.eos_token_id)).abs().max().item()
    assert difference < 3e-5, f"our text tower and transformers' differ by {difference}"
    features, path = model.vision_model(pixels), os.path.join(folder, "expected.safetensors")
    save_file({"pixels": torch.from_numpy(pictures), "image_features": features, "image_vectors": model.encode_images(pixels),
               "text_features": torch.cat([model.text_model(torch.tensor([one])) for one in ids]), "text_vectors": texts,
               "text_image_cosine": texts @ model.encode_images(pixels).T}, path)
    os.chmod(path, 0o644)
    with open(os.path.join(folder, "texts.json"), "w", encoding="utf-8") as file:
        rows = [{"text": text, "ids": one} for text, one in zip(TEXTS, ids)]
        file.write("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="Sources/CBundledModel/data")
    parser.add_argument("--golden", default="Fixtures/golden/mini")
    options = parser.parse_args()
    write_golden(options.model, options.golden)
