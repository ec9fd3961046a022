"""Small random models of CLIP's kin with inputs and outputs of transformers, OpenCLIP and timm.

    pip install -r Fixtures/requirements-models.txt
    python Fixtures/generate_clip_models.py

writes the models named below to Fixtures/models and Fixtures/golden/models, and preprocessing.safetensors, the
tensors that image processors make under many configurations. The same versions give the same bytes.
"""
import json
import os
import random
import shutil

import numpy
import torch

import generate_models as small  # first: it prepares the import of torchvision
import open_clip
import timm
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from safetensors.torch import save_file
from timm.models import byobnet
from transformers import (CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer,
                          CLIPVisionConfig, CLIPVisionModel, CLIPVisionModelWithProjection, SiglipConfig, SiglipModel)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

TEXTS = ["a photo of a cat", "two dogs", "", "the old man riding a horse on the beach with a red boat in the sky and snow"]


def randomize(module, seed):
    """As generate_models.randomize, for the names of OpenCLIP and timm too; rounded to half precision."""
    torch.manual_seed(small.SEED + seed)
    small.randomize(module)
    for name, parameter in module.named_parameters():
        if name.endswith("logit_scale"):
            parameter.data.fill_(3.5)
        elif name.endswith("logit_bias"):
            parameter.data.fill_(-2.25)
        elif parameter.dim() < 2 and ("ln_" in name or "bn" in name or "norm" in name) and name.endswith("weight"):
            torch.nn.init.normal_(parameter, 0.6, 0.3)
    return module.half().float().eval()


def folder_of(name):
    folder = os.path.join(small.MODELS, name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    return folder


def save_golden(name, golden):
    # Pixels are rounded to halves before they are used.
    save_file({key: (value.detach().half() if key == "pixels" else value.detach().float()).contiguous() for key, value in golden.items()},
              os.path.join(small.GOLDEN, name + ".safetensors"))


def save_tensors(model, path):
    save_file({key: value.half().contiguous() if value.is_floating_point() else value for key, value in model.state_dict().items()
               if not key.endswith("num_batches_tracked")}, path)


def edit_config(folder, change, name="config.json"):
    path = os.path.join(folder, name)
    with open(path) as file:
        config = json.load(file)
    change(config)
    with open(path, "w") as file:
        json.dump(config, file, indent=1)


@torch.no_grad()
def image_golden(golden, encode, modules, side, rows=small.flat, count=3):
    torch.manual_seed(small.SEED + 1)
    pixels = torch.randn(count, 3, side, side).half().float()
    output, seen = small.hooked(modules, lambda: encode(pixels))
    golden |= {"pixels": pixels, "image.vectors": output} | {f"image.{key}": rows(value[:2]) for key, value in seen.items()}


@torch.no_grad()
def text_golden(golden, encode, modules, ids, padding=None, length=None):
    vectors = []
    for index, tokens in enumerate(ids):
        whole = tokens + [padding] * (length - len(tokens)) if padding is not None else tokens
        vector, seen = small.hooked(modules, lambda: encode(torch.tensor([whole])))
        golden[f"text.{index}.ids"] = torch.tensor(tokens)
        golden[f"text.{index}.vector"] = vector
        vectors.append(vector)
        if index in (0, 3):
            golden |= {f"text.{index}.{key}": small.flat(value) for key, value in seen.items()}
    return torch.cat(vectors)


def logits_golden(golden, texts, model):
    normal = torch.nn.functional.normalize
    logits = model.logit_scale.exp() * normal(golden["image.vectors"]) @ normal(texts).T
    bias = getattr(model, "logit_bias", None)
    golden["logits"] = logits if bias is None else logits + bias


def encoded(tokenizer, length):
    return [tokenizer(text, truncation=True, max_length=length).input_ids for text in TEXTS]


# transformers

TEXT = dict(hidden_size=24, intermediate_size=56, num_hidden_layers=2, num_attention_heads=3, max_position_embeddings=20)
VISION = dict(hidden_size=32, intermediate_size=72, num_hidden_layers=2, num_attention_heads=4, image_size=32, patch_size=8)


def clip_modules(tower):
    modules = {f"layer.{i}": layer for i, layer in enumerate(tower.encoder.layers)}
    modules["embeddings"] = getattr(tower, "pre_layrnorm", tower.embeddings)
    return modules


def save_processor(folder, side):
    CLIPImageProcessorPil(size={"shortest_edge": side}, crop_size={"height": side, "width": side}).save_pretrained(folder)


@torch.no_grad()
def write_single_towers(tokenizer):
    text = dict(TEXT, vocab_size=len(tokenizer), projection_dim=20, eos_token_id=tokenizer.eos_token_id)
    for name, kind, config in (
            ("clip-vision", CLIPVisionModelWithProjection, CLIPVisionConfig(**VISION, projection_dim=20)),
            ("clip-vision-plain", CLIPVisionModel, CLIPVisionConfig(**VISION)),
            ("clip-text", CLIPTextModelWithProjection, CLIPTextConfig(**text)),
            ("clip-text-plain", CLIPTextModel, CLIPTextConfig(**text, hidden_act="gelu"))):
        folder, golden = folder_of(name), {}
        model = randomize(kind(config), len(name))
        model.half().save_pretrained(folder)
        model.float()
        projected = "WithProjection" in kind.__name__
        tower = getattr(model, "vision_model", getattr(model, "text_model", model))
        if "vision" in name:
            save_processor(folder, 32)
            image_golden(golden, lambda pixels: model(pixels).image_embeds if projected else model(pixels).pooler_output,
                         clip_modules(tower), 32)
        else:
            tokenizer.save_pretrained(folder)
            text_golden(golden, lambda ids: model(ids).text_embeds if projected else model(ids).pooler_output,
                        clip_modules(tower), encoded(tokenizer, 20))
        save_golden(name, golden)


@torch.no_grad()
def write_clip_sharded(tokenizer):
    """Several files; a configuration with the quirks of old conversions; the tanh GELU."""
    name = "clip-sharded"
    folder, golden = folder_of(name), {}
    text = dict(TEXT, vocab_size=len(tokenizer), hidden_act="gelu_pytorch_tanh", eos_token_id=2)
    model = randomize(CLIPModel(CLIPConfig(text_config=text, vision_config=dict(VISION, hidden_act="gelu_new"), projection_dim=20)), 3)
    model.half().save_pretrained(folder, max_shard_size="40KB")
    model.float()
    tokenizer.save_pretrained(folder)
    save_processor(folder, 32)

    def age(config):
        config["text_config_dict"] = dict(text, projection_dim=20)
        config["text_config"] = {"hidden_size": 999, "projection_dim": 20}
        config["vision_config_dict"] = None
        config["vision_config"]["projection_dim"] = 20
        del config["projection_dim"]
    edit_config(folder, age)
    image_golden(golden, lambda pixels: model.visual_projection(model.vision_model(pixels).pooler_output),
                 clip_modules(model.vision_model), 32)
    texts = text_golden(golden, lambda ids: model.text_projection(model.text_model(ids).pooler_output),
                        clip_modules(model.text_model), encoded(tokenizer, 20))
    logits_golden(golden, texts, model)
    save_golden(name, golden)


@torch.no_grad()
def write_siglip(tokenizer):
    name = "siglip"
    folder, golden = folder_of(name), {}
    text = dict(TEXT, vocab_size=len(tokenizer), max_position_embeddings=12, projection_size=32)
    model = randomize(SiglipModel(SiglipConfig(text_config=text, vision_config=VISION)), 4)
    model.half().save_pretrained(folder)
    model.float()
    tokenizer.save_pretrained(folder)
    SiglipImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    modules = {f"layer.{i}": layer for i, layer in enumerate(model.vision_model.encoder.layers)} | {"embeddings": model.vision_model.embeddings}
    image_golden(golden, lambda pixels: model.vision_model(pixels).pooler_output, modules, 32)
    texts = text_golden(golden, lambda ids: model.text_model(ids).pooler_output, clip_modules(model.text_model),
                        encoded(tokenizer, 12), tokenizer.pad_token_id, 12)
    logits_golden(golden, texts, model)
    save_golden(name, golden)


# OpenCLIP

OPEN_TEXT = dict(context_length=20, width=24, heads=3, layers=2, mlp_ratio=2.5)


def open_clip_modules(tower, embeddings=None):
    modules = {f"layer.{i}": block for i, block in enumerate(tower.transformer.resblocks)}
    return modules | ({"embeddings": embeddings} if embeddings else {})


def write_open_clip(name, tokenizer, seed, config, preprocess, image_modules, side, rows=small.flat, trained=None, padding=0,
                    weights="open_clip_model.safetensors"):
    """`trained`, when given, is the configuration under which the weights are made; `config` resizes its positions."""
    folder, golden = folder_of(name), {}
    kind = open_clip.CustomTextCLIP if config.get("custom_text") else open_clip.CLIP
    arguments = {key: value for key, value in (trained or config).items() if key != "custom_text"}
    model = randomize(kind(**arguments), seed)
    save_tensors(model, os.path.join(folder, weights))
    if trained:
        state = model.state_dict()
        model = kind(**{key: value for key, value in config.items() if key != "custom_text"}).eval()
        open_clip.model.resize_pos_embed(state, model)
        model.load_state_dict(state)
    with open(os.path.join(folder, "open_clip_config.json"), "w") as file:
        json.dump({"model_cfg": config, "preprocess_cfg": preprocess}, file, indent=1)
    tokenizer.save_pretrained(folder)
    length = config["text_cfg"]["context_length"]
    image_golden(golden, model.encode_image, image_modules(model.visual), side, rows)
    tower = model.text if config.get("custom_text") else model
    texts = text_golden(golden, model.encode_text, open_clip_modules(tower), encoded(tokenizer, length), padding, length)
    logits_golden(golden, texts, model)
    if hf := config["text_cfg"].get("hf_tokenizer_name"):
        sentence = "A  photo,\tof_a CAT's  red-car! "
        clean = config["text_cfg"]["tokenizer_kwargs"]["clean"]
        ids = open_clip.tokenizer.HFTokenizer(folder, context_length=length, clean=clean)([sentence])
        golden["sentence.vector"] = model.encode_text(ids)
    save_golden(name, golden)
    return model, golden


@torch.no_grad()
def write_open_clip_models(tokenizer):
    text = dict(OPEN_TEXT, vocab_size=len(tokenizer))
    vision = dict(image_size=48, layers=2, width=32, head_width=8, patch_size=8, mlp_ratio=2.25)
    config = dict(embed_dim=20, quick_gelu=True, vision_cfg=vision, text_cfg=text)
    preprocess = dict(mean=[0.48145466, 0.4578275, 0.40821073], std=[0.26862954, 0.26130258, 0.27577711], interpolation="bicubic", resize_mode="shortest")
    write_open_clip("open-clip", tokenizer, 5, config, preprocess, lambda visual: open_clip_modules(visual, visual.ln_pre), 48,
                    trained=dict(config, vision_cfg=dict(vision, image_size=32)))

    vision = dict(image_size=32, layers=2, width=32, head_width=8, patch_size=8, no_ln_pre=True, pool_type="avg", final_ln_after_pool=True)
    config = dict(embed_dim=20, custom_text=True, vision_cfg=vision, text_cfg=dict(text, no_causal_mask=True))
    write_open_clip("open-clip-custom", tokenizer, 6, config, dict(resize_mode="longest", interpolation="bilinear", mean=[0, 0, 0], std=[1, 1, 1]),
                    open_clip_modules, 32, weights="model.safetensors")

    config = dict(embed_dim=24, vision_cfg=dict(image_size=64, layers=[2, 1, 1, 1], width=4, patch_size=None), text_cfg=text)
    model, golden = write_open_clip(
        "open-clip-resnet", tokenizer, 7, config, dict(preprocess),
        lambda visual: {"stem": visual.avgpool} | {f"stage.{n}": getattr(visual, f"layer{n}") for n in range(1, 5)}, 64,
        rows=lambda value: value.permute(0, 2, 3, 1))
    # The same network under timm's names, and what timm itself makes of it.
    divisible, byobnet.make_divisible = byobnet.make_divisible, lambda value, *_, **__: int(value)
    blocks = tuple(byobnet.replace(block, d=depth) for block, depth in zip(byobnet.model_cfgs["resnet50_clip"].blocks, [2, 1, 1, 1]))
    network = byobnet.ByobNet(byobnet.replace(byobnet.model_cfgs["resnet50_clip"], blocks=blocks, width_factor=1 / 16), num_classes=24, img_size=64)
    byobnet.make_divisible = divisible
    network.load_state_dict(byobnet._convert_openai_clip(model.state_dict(), network))
    assert torch.allclose(network.eval()(golden["pixels"]), golden["image.vectors"], atol=1e-5)
    save_tensors(network, os.path.join(small.MODELS, "timm-clip-resnet.safetensors"))

    # timm's own code at a width for fixtures: OpenCLIP passes on a name only.
    create = timm.create_model
    open_clip.timm_model.timm.create_model = lambda name, **arguments: create(
        "vit_base_patch16_siglip_224", embed_dim=48, depth=2, patch_size=8, img_size=32, mlp_ratio=1.5, **arguments)
    siglip = dict(width=24, heads=3, layers=2, context_length=12, vocab_size=len(tokenizer), no_causal_mask=True, proj_bias=True, pool_type="last",
                  norm_kwargs={"eps": 1e-6}, act_kwargs={"approximate": "tanh"}, hf_tokenizer_name="here", tokenizer_kwargs={"clean": "canonicalize"})
    config = dict(embed_dim=48, init_logit_bias=-10, custom_text=True, text_cfg=siglip, vision_cfg=dict(
        image_size=32, timm_model_name="vit_base_patch8_siglip_32", timm_model_pretrained=False, timm_pool="map", timm_proj="none"))
    write_open_clip("open-clip-siglip", tokenizer, 8, config, dict(resize_mode="squash", mean=[0.5] * 3, std=[0.5] * 3, interpolation="bicubic"),
                    lambda visual: {f"layer.{i}": block for i, block in enumerate(visual.trunk.blocks)} | {"embeddings": visual.trunk.patch_drop}, 32,
                    padding=tokenizer.pad_token_id)
    open_clip.timm_model.timm.create_model = create


# Preprocessing

def write_preprocessing():
    """What image processors make of three pictures: each configuration with its tensors."""
    side, rng = 12, numpy.random.default_rng(small.SEED)
    pictures = []
    for width, height in ((50, 37), (23, 61), (9, 10)):
        noise = Image.fromarray(rng.integers(0, 256, (height // 3 + 1, width // 3 + 1, 3), dtype=numpy.uint8))
        pictures.append(noise.resize((width, height), Image.BILINEAR))
    square, edge, crop = {"height": side, "width": side}, {"shortest_edge": side}, {"crop_size": {"height": side, "width": side}}
    kinds = {"CLIPImageProcessor": CLIPImageProcessorPil, "SiglipImageProcessor": SiglipImageProcessorPil, "ViTImageProcessor": ViTImageProcessorPil}
    own = [("CLIPImageProcessor", dict(crop, size=edge, resample=number)) for number in range(6)] + [
        ("CLIPImageProcessor", dict(crop_size=side, size=side)),
        ("CLIPImageProcessor", dict(crop, size={"shortest_edge": 21})),
        ("CLIPImageProcessor", dict(crop, size={"shortest_edge": 9})),
        ("CLIPImageProcessor", dict(crop, size={"height": 25, "width": 19})),
        ("CLIPImageProcessor", dict(crop, size={"height": 13, "width": 20})),
        ("CLIPImageProcessor", dict(size=square, do_center_crop=False)),
        ("CLIPImageProcessor", dict(crop, size=edge, do_resize=False)),
        ("CLIPImageProcessor", dict(crop, size=edge, do_normalize=False)),
        ("CLIPImageProcessor", dict(crop, size=edge, do_rescale=False, image_mean=[100, 120, 140], image_std=[50, 60, 70])),
        ("CLIPImageProcessor", dict(crop, size=edge, rescale_factor=1 / 127.5, image_mean=[1, 1, 1], image_std=[1, 1, 1])),
        ("SiglipImageProcessor", dict(size=square)),
        ("SiglipImageProcessor", dict(size=square, resample=2, image_mean=[0.4, 0.5, 0.6], image_std=[0.2, 0.3, 0.4])),
        ("ViTImageProcessor", dict(size=square)),
        ("ViTImageProcessor", dict(size=side)),
    ]
    open_clips = [dict(resize_mode=mode, interpolation=filter) for mode in ("shortest", "squash", "longest") for filter in ("bicubic", "bilinear")]
    open_clips += [dict(mean=[0.5] * 3, std=[0.25] * 3), dict(resize_mode="squash", size=224, interpolation="random")]
    golden, entries = {}, []
    for index, picture in enumerate(pictures):
        golden[f"picture.{index}"] = torch.from_numpy(numpy.asarray(picture).astype(numpy.float32))
    for kind, arguments in own:
        processor = kinds[kind](**arguments)
        # As people wrote it, with what is left out left out.
        entries.append({"processor": {"image_processor_type": kind} | arguments})
        for index, picture in enumerate(pictures):
            golden[f"{len(entries) - 1}.{index}"] = torch.from_numpy(numpy.asarray(processor(picture, return_tensors="np").pixel_values[0], numpy.float32))
    for arguments in open_clips:
        transform = image_transform_v2(PreprocessCfg(**(arguments | {"size": side})), is_train=False)
        entries.append({"open_clip": arguments})
        for index, picture in enumerate(pictures):
            golden[f"{len(entries) - 1}.{index}"] = transform(picture)
    save_golden("preprocessing", golden)
    with open(os.path.join(small.GOLDEN, "preprocessing.json"), "w") as file:
        json.dump(entries, file, indent=1)


def main():
    vocabulary, merges = small.train_tokenizer(420, False, random.Random(small.SEED + 9))
    tokenizer = CLIPTokenizer(vocabulary, merges, model_max_length=20)
    write_single_towers(tokenizer)
    write_clip_sharded(tokenizer)
    write_siglip(tokenizer)
    write_open_clip_models(tokenizer)
    write_preprocessing()


if __name__ == "__main__":
    main()
