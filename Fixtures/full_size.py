"""Full-size models with random weights, and the reference's outputs, for a parity check outside the test suite.

    python Fixtures/full_size.py /tmp/full-size
    IMGVEC_FULL_SIZE=/tmp/full-size swift test --filter FullSizeParity

Takes about 2.5 GB of disk; names after the folder make only those (clip, resnet-18, resnet-50, clip-rn50, siglip), and
`clip-vit-l-14`, 1.7 GB, is made only when it is named: it is for measuring memory. Without the variable the Swift test is
skipped.
"""
import json
import os
import random
import sys

import torch
from safetensors.torch import save_file

import generate_models as small  # first: it prepares the import of torchvision
import generate_clip_models as clip
import open_clip
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer
from torchvision.models import resnet18, resnet50


def full_vocabulary(size):
    """The small vocabulary filled up to CLIP's size with merges of pieces it has."""
    rng = random.Random(small.SEED)
    vocabulary, merges = small.train_tokenizer(900, True, rng)
    pieces = [piece for piece in vocabulary if piece not in ("<|startoftext|>", "<|endoftext|>")]
    inner = [piece for piece in pieces if not piece.endswith("</w>")]
    known = set(pieces)
    while len(pieces) < size - 2:
        left, right = rng.choice(inner), rng.choice(pieces)
        if left + right not in known and len(left + right) < 24:
            known.add(left + right)
            pieces.append(left + right)
            merges.append((left, right))
            if not right.endswith("</w>"):
                inner.append(left + right)
    return {piece: token for token, piece in enumerate(pieces + ["<|startoftext|>", "<|endoftext|>"])}, merges


@torch.no_grad()
def write_clip(folder):
    model_folder = os.path.join(folder, "clip-vit-b-32")
    vocabulary, merges = full_vocabulary(49408)
    small.write_vocabulary(model_folder, vocabulary, merges)
    tokenizer = CLIPTokenizer(vocabulary, merges, model_max_length=77)
    torch.manual_seed(small.SEED)
    model = CLIPModel(CLIPConfig()).eval()
    small.randomize(model)
    model.save_pretrained(model_folder)
    pixels = torch.randn(9, 3, 224, 224)
    golden = {"pixels": pixels, "image.vectors": model.visual_projection(model.vision_model(pixel_values=pixels).pooler_output)}
    for index, text in enumerate(small.clip_texts(tokenizer)):
        ids = tokenizer(text, truncation=True, max_length=77, return_tensors="pt").input_ids
        golden[f"text.{index}.ids"] = ids[0].float()
        golden[f"text.{index}.vector"] = model.text_projection(model.text_model(input_ids=ids).pooler_output)
    save_file(golden, os.path.join(folder, "clip-vit-b-32.golden.safetensors"))


@torch.no_grad()
def write_resnet(folder, name, network):
    network.eval()
    small.randomize(network)
    save_file(network.state_dict(), os.path.join(folder, name + ".safetensors"))
    network.fc = torch.nn.Identity()
    pixels = torch.randn(5, 3, 224, 224)
    save_file({"pixels": pixels, "image.vectors": network(pixels)}, os.path.join(folder, name + ".golden.safetensors"))


@torch.no_grad()
def write_open_clip(folder, name, architecture):
    model_folder = os.path.join(folder, name)
    vocabulary, merges = full_vocabulary(49408)
    small.write_vocabulary(model_folder, vocabulary, merges)
    tokenizer = CLIPTokenizer(vocabulary, merges, model_max_length=77)
    config = open_clip.get_model_config(architecture)
    model = clip.randomize(open_clip.create_model(architecture), 11)
    save_file({key: value.contiguous() for key, value in model.state_dict().items() if not key.endswith("num_batches_tracked")},
              os.path.join(model_folder, "open_clip_model.safetensors"))
    # Its tokenizer is not to be had here: texts are told apart by CLIP's, whose numbers the smaller vocabulary takes.
    length, size, last = config["text_cfg"]["context_length"], config["text_cfg"]["vocab_size"], config["text_cfg"].get("pool_type") == "last"
    with open(os.path.join(model_folder, "open_clip_config.json"), "w") as file:
        json.dump({"model_cfg": config, "preprocess_cfg": {}}, file)
    pixels = torch.randn(5, 3, config["vision_cfg"]["image_size"], config["vision_cfg"]["image_size"])
    golden = {"pixels": pixels, "image.vectors": model.encode_image(pixels)}
    for index, text in enumerate(small.clip_texts(tokenizer)):
        ids = [token % size if last else token for token in tokenizer(text, truncation=True, max_length=length).input_ids]
        golden[f"text.{index}.ids"] = torch.tensor(ids).float()
        golden[f"text.{index}.vector"] = model.encode_text(torch.tensor([ids + [0] * (length - len(ids))]))
    save_file(golden, os.path.join(folder, name + ".golden.safetensors"))


@torch.no_grad()
def write_large(folder):
    """ViT-L/14 without expected values."""
    model_folder = os.path.join(folder, "clip-vit-l-14")
    small.write_vocabulary(model_folder, *full_vocabulary(49408))
    shape = dict(num_hidden_layers=24, num_attention_heads=16, hidden_size=1024, intermediate_size=4096, patch_size=14)
    text = dict(hidden_size=768, intermediate_size=3072, num_attention_heads=12)
    CLIPModel(CLIPConfig(vision_config=shape, text_config=text, projection_dim=768)).save_pretrained(model_folder)


if __name__ == "__main__":
    folder, names = sys.argv[1], sys.argv[2:] or ["clip", "resnet-18", "resnet-50", "clip-rn50", "siglip"]
    os.makedirs(folder, exist_ok=True)
    for name in names:
        match name:
            case "clip": write_clip(folder)
            case "resnet-18": write_resnet(folder, name, resnet18())
            case "resnet-50": write_resnet(folder, name, resnet50())
            case "clip-rn50": write_open_clip(folder, name, "RN50")
            case "siglip": write_open_clip(folder, "vit-b-16-siglip", "ViT-B-16-SigLIP")
            case "clip-vit-l-14": write_large(folder)
            case _: sys.exit(f"no such model: {name}")
