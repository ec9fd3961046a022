"""Full-size models with random weights, and the reference's outputs, for a parity check outside the test suite.

    python Fixtures/full_size.py /tmp/full-size
    IMGVEC_FULL_SIZE=/tmp/full-size swift test --filter FullSizeParity

Takes about 1.2 GB of disk. Without the variable the Swift test is skipped.
"""
import os
import random
import sys

import torch
from safetensors.torch import save_file

import generate_models as small  # first: it prepares the import of torchvision
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


if __name__ == "__main__":
    os.makedirs(sys.argv[1], exist_ok=True)
    write_clip(sys.argv[1])
    write_resnet(sys.argv[1], "resnet-18", resnet18())
    write_resnet(sys.argv[1], "resnet-50", resnet50())
