"""Writes the model the program embeds, and the reference values its tests compare with.

    python export.py --data ../shared/data --run RUN --model Sources/CBundledModel/data --golden Fixtures/golden/mini

Takes the weights of RUN/fitted.pt with their query banks, rounds them to float16, and from then on works with
the rounded ones: what is measured, calibrated and written as reference is what users get.
"""
import datetime
import json
import os
import shutil

import torch
from safetensors.torch import save_file

import tokenizer as tokenizers
from data import Pictures
from evaluate import fitted_model, full, random_pairs
from golden import write_golden
from model import IMAGE_SIZE, MEAN, PROJECTION, STD, VISION, exported_weights, image_parts, text_config
from prepare import options_parser
from provenance import provenance

VERSION = "0.7"


def round_weights(model):
    """Rounds to float16 in place, keeping float32 tensors and bytes: from here on the model computes what the exported file holds."""
    model.load_state_dict({k: v.half().to(v.dtype) if v.is_floating_point() else v for k, v in model.state_dict().items()})


def write_weights(model, folder):
    tensors = {name: (value.half() if value.is_floating_point() else value).contiguous() for name, value in exported_weights(model).items()}
    assert all(torch.isfinite(value).all() for value in tensors.values())
    path = os.path.join(folder, "model.safetensors")
    save_file(tensors, path, metadata={"format": "pt"})
    os.chmod(path, 0o644)


def write_json(folder, name, value):
    with open(os.path.join(folder, name), "w") as file:
        json.dump(value, file, indent=1)
        file.write("\n")


def main():
    parser = options_parser()
    parser.add_argument("--model", default="Sources/CBundledModel/data")
    parser.add_argument("--golden", default="Fixtures/golden/mini")
    parser.add_argument("--note", default="", help="a sentence for PROVENANCE.md, such as that this is an early checkpoint")
    options = parser.parse_args()
    os.makedirs(options.model, exist_ok=True)

    folder = os.path.join(options.run, "tokenizer")
    tokenizer = tokenizers.load(folder)
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(os.path.join(folder, name), options.model)
    pictures = Pictures(options.data, options.run)
    model, history = fitted_model(options.run, tokenizer)
    round_weights(model)
    write_weights(model, options.model)

    table, images, queries = full(model, pictures, tokenizer)
    image_image, text_image = random_pairs(pictures, images, model, tokenizer, queries)
    quantiles = lambda values: [round(float(v), 5) for v in values]
    write_json(options.model, "config.json", {
        "model_type": "imgvec_dual", "name": "imgvec-mini", "version": VERSION, "projection_dim": PROJECTION,
        "logit_scale_init_value": round(model.logit_scale.item(), 4), "image_parts": image_parts(),
        "querybanks": model.querybanks.counts,
        "vision_config": VISION, "text_config": text_config(tokenizer),
        "calibration": {"what": "cosine of random pairs of dev pictures (and of dev texts with dev pictures) at the quantiles 0, 0.01 ... 1",
                        "image_image_quantiles": quantiles(image_image), "text_image_quantiles": quantiles(text_image),
                        "copy_threshold": round(table["copies: its cosine threshold"], 4)}})
    write_json(options.model, "preprocessor_config.json", {
        "image_processor_type": "CLIPImageProcessor", "do_resize": True, "size": {"height": IMAGE_SIZE, "width": IMAGE_SIZE}, "resample": 3,
        "do_center_crop": False, "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": MEAN, "image_std": STD,
        "do_convert_rgb": True})
    with open(os.path.join(options.model, "PROVENANCE.md"), "w") as file:
        file.write(provenance(table, VERSION, history, datetime.date.today(), options.note, pictures))
    write_golden(options.model, options.golden)
    write_json(options.run, "metrics.json", {"history": history, **table})
    print(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
