"""Builds full-size models with random weights, runs them in PyTorch and in imgvec, and prints how far they are apart.

    ./dev parity                             all models
    ./dev parity resnet-50 distilbert-base   some

which calls  python Fixtures/full_size.py BINARY FOLDER [MODEL ...]. Vectors of picture files and texts are compared, so
that decoding, preprocessing, tokens and towers are all in it, with each math library. A model takes up to 0.8 GB of disk
while it is tried. Ends with 1 when a difference is above 1e-4 or a cosine below 0.99999.
"""
import argparse
import json
import os
import random
import shutil
import subprocess
import time

import numpy
import torch

import generate_models as small  # first: it prepares the import of torchvision
import generate_clip_models as kin
import open_clip
from PIL import Image
from safetensors.torch import save_file
from tokenizers import Tokenizer, models as token_models, pre_tokenizers, processors
from torchvision import models as networks
from torchvision import transforms
from transformers import (BertTokenizer, CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTokenizer, DistilBertConfig,
                          DistilBertModel, PreTrainedTokenizerFast)

LARGEST_DIFFERENCE, SMALLEST_COSINE = 1e-4, 0.99999
TEXTS = ["a photo of a cat", "pink short sleeve top", "pink long sleeve shirt", "man riding a horse",
         "two dogs on the beach at sunset, with a red boat in the distance", " ".join(small.WORDS), "naïve café", "x"]


class Reference:
    """A built model: what --model takes, and functions that give PyTorch's vectors of PIL pictures and of texts."""

    def __init__(self, path, pictures=None, texts=None):
        self.path, self.pictures, self.texts = path, pictures, texts


BUILDERS = {}


def full_size(name):
    """Marks a function that builds a model in a folder and returns its Reference."""
    def mark(build):
        BUILDERS[name] = build
        return build
    return mark


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


def clip(folder, config):
    vocabulary, merges = full_vocabulary(49408)
    small.write_vocabulary(folder, vocabulary, merges)
    tokenizer = CLIPTokenizer(vocabulary, merges, model_max_length=77)
    model = CLIPModel(config).eval()
    small.randomize(model)
    model.save_pretrained(folder)
    processor = CLIPImageProcessorPil()
    processor.save_pretrained(folder)

    def texts(words):
        ids = [tokenizer(text, truncation=True, max_length=77, return_tensors="pt").input_ids for text in words]
        return torch.cat([model.text_projection(model.text_model(input_ids=i).pooler_output) for i in ids])

    def pictures(images):
        pixels = processor(images, return_tensors="pt").pixel_values
        return model.visual_projection(model.vision_model(pixel_values=pixels).pooler_output)

    return Reference(folder, pictures, texts)


@full_size("clip-vit-b-32")
def clip_b_32(folder):
    return clip(folder, CLIPConfig())


@full_size("clip-vit-l-14")
def clip_l_14(folder):
    return clip(folder, CLIPConfig(
        projection_dim=768,
        text_config=dict(hidden_size=768, intermediate_size=3072, num_attention_heads=12, projection_dim=768),
        vision_config=dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16,
                           patch_size=14, projection_dim=768)))


def resnet(folder, network):
    small.randomize(network.eval())
    path = os.path.join(folder, "network.safetensors")
    save_file(network.state_dict(), path)
    network.fc = torch.nn.Identity()
    transform = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(),
                                    transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
    return Reference(path, lambda images: network(torch.stack([transform(image) for image in images])))


def resnet_18(folder):
    return resnet(folder, networks.resnet18())


@full_size("resnet-50")
def resnet_50(folder):
    return resnet(folder, networks.resnet50())


def native(folder, architecture, tokenizer):
    """A model of OpenCLIP's own layout, with its transforms and its cleaning of texts."""
    config = open_clip.get_model_config(architecture)
    model = open_clip.create_model(architecture).eval()
    kin.randomize(model, 0)
    save_file({key: value.contiguous() for key, value in model.state_dict().items()},
              os.path.join(folder, "open_clip_model.safetensors"))
    # What the names of such models imply in OpenCLIP, and what they are published with.
    cfg = dict(mean=[0.5] * 3, std=[0.5] * 3, resize_mode="squash") if "SigLIP" in architecture else {}
    with open(os.path.join(folder, "open_clip_config.json"), "w") as file:
        json.dump({"model_cfg": config, "preprocess_cfg": cfg}, file)
    transform = open_clip.transform.image_transform_v2(
        open_clip.transform.PreprocessCfg(size=config["vision_cfg"]["image_size"], **cfg), is_train=False)
    return Reference(folder, lambda images: model.encode_image(torch.stack([transform(image) for image in images])),
                     lambda words: torch.cat([model.encode_text(tokenizer([text])) for text in words]))


@full_size("clip-rn50")
def clip_rn50(folder):
    vocabulary, merges = full_vocabulary(49408)
    small.write_vocabulary(folder, vocabulary, merges)
    tokenizer = CLIPTokenizer(vocabulary, merges, model_max_length=77)

    def padded(words):
        ids = tokenizer(words[0], truncation=True, max_length=77).input_ids
        return torch.tensor([ids + [0] * (77 - len(ids))])

    return native(folder, "RN50", padded)


@full_size("vit-b-16-siglip")
def siglip(folder):
    """The tokenizer is a unigram model as SigLIP's, whose own pieces are not to be had here."""
    rng = random.Random(small.SEED)
    pieces = ["<pad>", "</s>", "<unk>"] + [chr(c) for c in range(0x21, 0x7F)] + ["\u2581"] + ["\u2581" + word for word in dict.fromkeys(small.WORDS)]
    known = set(pieces)
    while len(pieces) < 32000:
        piece = rng.choice(["", "\u2581"]) + "".join(rng.choice("etaoinshrdlu") for _ in range(rng.randint(2, 7)))
        if piece not in known:
            known.add(piece)
            pieces.append(piece)
    tokens = Tokenizer(token_models.Unigram([(piece, 0.0 if index < 3 else -5 - rng.random() * 9) for index, piece in enumerate(pieces)], unk_id=2))
    tokens.pre_tokenizer = pre_tokenizers.Metaspace()
    tokens.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    PreTrainedTokenizerFast(tokenizer_object=tokens, eos_token="</s>", pad_token="</s>", unk_token="<unk>").save_pretrained(folder)
    return native(folder, "ViT-B-16-SigLIP", open_clip.tokenizer.HFTokenizer(folder, context_length=64, clean="canonicalize"))


def full_word_pieces(size):
    """BERT's special tokens, printable characters, words, and random endings up to a size."""
    rng = random.Random(small.SEED)
    characters = [chr(c) for c in range(0x21, 0x7F) if not chr(c).isupper()]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + characters + ["##" + c for c in characters if c.isalnum()]
    pieces += sorted({word for word in small.WORDS if word.isalpha()})
    known = set(pieces)
    while len(pieces) < size:
        piece = rng.choice(["", "##"]) + "".join(rng.choice("etaoinshrdlu") for _ in range(rng.randint(2, 7)))
        if piece not in known:
            known.add(piece)
            pieces.append(piece)
    return {piece: index for index, piece in enumerate(pieces)}


@full_size("distilbert-base")
def distilbert(folder):
    tokenizer = BertTokenizer(full_word_pieces(30522), model_max_length=512)
    tokenizer.save_pretrained(folder)
    model = DistilBertModel(DistilBertConfig()).eval()
    small.randomize(model)
    model.save_pretrained(folder)

    def texts(words):
        ids = [tokenizer(text, truncation=True, max_length=512, return_tensors="pt").input_ids for text in words]
        return torch.cat([model(input_ids=i).last_hidden_state.mean(1) for i in ids])

    return Reference(folder, texts=texts)


# Comparing

def draw_pictures(folder):
    """Smooth noise of several shapes as PNG, which every decoder reads alike."""
    random_numbers, paths = numpy.random.default_rng(small.SEED), []
    for index, (width, height) in enumerate([(640, 480), (300, 500), (224, 224), (1000, 250), (97, 71), (500, 500)]):
        noise = random_numbers.integers(0, 256, (8, 8, 3), dtype=numpy.uint8)
        paths.append(os.path.join(folder, f"picture-{index}.png"))
        Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC).save(paths[-1])
    return paths


def unit(vectors):
    vectors = numpy.asarray(vectors, dtype=numpy.float64)
    return vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)


def run_imgvec(binary, model, backend, pictures, texts, folder):
    matrix = os.path.join(folder, "vectors.npy")
    arguments = [binary, "embed", "--model", model, "--npy", matrix, *pictures]
    for text in texts:
        arguments += ["--text", text]
    start = time.time()
    run = subprocess.run(arguments, env=os.environ | {"IMGVEC_MATH": backend}, stderr=subprocess.PIPE, text=True)
    if run.returncode and "oneDNN is not there" in run.stderr:
        return None, 0
    if run.returncode:
        raise SystemExit(f"{model}: imgvec ended with {run.returncode}: {run.stderr.strip()}")
    return numpy.load(matrix), time.time() - start


def try_model(name, binary, folder, pictures):
    """Prints a line per math library and kind of input; whether all of them agree."""
    place = os.path.join(folder, name)
    shutil.rmtree(place, ignore_errors=True)
    os.makedirs(place)
    torch.manual_seed(small.SEED)
    agrees = True
    try:
        with torch.no_grad():
            reference = BUILDERS[name](place)
            images = [Image.open(path).convert("RGB") for path in pictures]
            expected = {}
            if reference.pictures:
                expected["pictures"] = unit(reference.pictures(images))
            if reference.texts:
                expected["texts"] = unit(reference.texts(TEXTS))
        files = pictures if reference.pictures else []
        texts = TEXTS if reference.texts else []
        for backend in ("onednn", "portable"):
            vectors, seconds = run_imgvec(binary, reference.path, backend, files, texts, folder)
            if vectors is None:
                print(f"{name:22} {backend:9} is not installed")
                continue
            for kind, wanted in expected.items():
                found = vectors[:len(files)] if kind == "pictures" else vectors[len(files):]
                difference = numpy.abs(found - wanted).max()
                cosine = (unit(found) * wanted).sum(1).min()
                good = difference <= LARGEST_DIFFERENCE and cosine >= SMALLEST_COSINE
                agrees &= bool(good)
                print(f"{name:22} {backend:9} {kind:9} {len(wanted):3} x {wanted.shape[1]:<5} {difference:10.1e} {cosine:13.9f} "
                      f"{seconds:6.1f} s{'' if good else '  DIFFERENT'}", flush=True)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return agrees


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary")
    parser.add_argument("folder")
    parser.add_argument("models", nargs="*", metavar="model", help=", ".join(BUILDERS))
    options = parser.parse_args()
    unknown = [name for name in options.models if name not in BUILDERS]
    if unknown:
        parser.error(f"no model {unknown[0]}; there are {', '.join(BUILDERS)}")
    os.makedirs(options.folder, exist_ok=True)
    pictures = draw_pictures(options.folder)
    print(f"{'model':22} {'math':9} {'of':9} {'vectors':11} {'max |Δ|':>10} {'min cosine':>13} {'time':>8}")
    results = [try_model(name, options.binary, options.folder, pictures) for name in options.models or BUILDERS]
    raise SystemExit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
