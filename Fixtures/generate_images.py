#!/usr/bin/env python3
"""Writes Fixtures/images and Fixtures/golden/imaging; the same bytes for the same versions of the packages.

    python3 -m venv .venv && .venv/bin/pip install -r Fixtures/requirements-images.txt
    .venv/bin/python Fixtures/generate_images.py [images] [golden] [preprocessing]

Needs `jpegtran` (libjpeg-turbo-progs) for the arithmetic JPEGs. `preprocessing` additionally needs torch, torchvision
and transformers, the references for it.
"""

import hashlib
import io
import json
import pathlib
import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

HERE = pathlib.Path(__file__).parent
IMAGES, GOLDEN = HERE / "images", HERE / "golden" / "imaging"

FILTERS = {
    "box": Image.Resampling.BOX, "bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS}


# --- pictures -----------------------------------------------------------------------------------------------------


def captioned(image, text):
    image = image.copy()
    height = image.height // 8
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, image.height - height, image.width, image.height), fill=(20, 20, 20))
    draw.text((12, image.height - height + 6), text, fill="white", font=ImageFont.load_default(height * 0.55))
    return image


def watermarked(image):
    layer = Image.new("RGBA", image.size)
    draw = ImageDraw.Draw(layer)
    font = ImageFont.load_default(image.height / 9)
    draw.text((image.width * 0.2, image.height * 0.42), "SAMPLE PICTURE", fill=(255, 255, 255, 110), font=font)
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


def cropped(image, share):
    x, y = int(image.width * share / 2), int(image.height * share / 2)
    return image.crop((x, y, image.width - x, image.height - y))


# Copies as people make them: the name of the original, what was done, file ending, options for saving.
COPIES = [
    ("sunset-beach", "half-size", lambda i: i.resize((i.width // 2, i.height // 2), Image.Resampling.BICUBIC), "jpg", {"quality": 85}),
    ("sunset-beach", "cropped", lambda i: cropped(i, 0.1), "jpg", {"quality": 85}),
    ("red-car", "quality-40", lambda i: i, "jpg", {"quality": 40, "progressive": True}),
    ("red-car", "grey", lambda i: i.convert("L"), "jpg", {"quality": 85}),
    ("orange-cat", "mirrored", ImageOps.mirror, "jpg", {"quality": 85}),
    ("orange-cat", "captioned", lambda i: captioned(i, "Monday again"), "jpg", {"quality": 85}),
    ("mountain-lake", "converted", lambda i: i.resize((270, 180), Image.Resampling.LANCZOS), "png", {}),
    ("lighthouse", "watermarked", watermarked, "jpg", {"quality": 85}),
    ("coffee-cup", "webp", lambda i: i, "webp", {"quality": 80}),
    ("letter-page", "turned", lambda i: i.transpose(Image.Transpose.ROTATE_90), "jpg", {"quality": 85}),
    ("brown-dog", "blurred", lambda i: i.filter(ImageFilter.GaussianBlur(1.5)), "jpg", {"quality": 85}),
]


def write(folder, name, data):
    path = IMAGES / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def write_images():
    import image_damage
    import image_formats
    import image_scenes

    for folder in ("gallery", "formats", "damaged"):
        for path in (IMAGES / folder).glob("*"):
            path.unlink()
    pictures = {name: image_scenes.draw(name) for name in image_scenes.GALLERY}
    for name, image in pictures.items():
        write("gallery", f"{name}.jpg", image_formats.saved(image, "JPEG", quality=80, optimize=True))
    for name, what, change, ending, options in COPIES:
        format = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[ending]
        image = change(pictures[name])
        write("gallery", f"{name}-{what}.{ending}", image_formats.saved(image, format, **options))
    golden = Golden("formats")
    for name, data, expected, (largest, mean) in image_formats.files():
        write("formats", name, data)
        if expected is None:
            expected = reading(data)
        golden.add(expected, file=name, largest=largest, mean=mean)
    golden.save()
    for name, data in image_damage.files():
        write("damaged", name, data)


# --- golden values --------------------------------------------------------------------------------------------------


class Golden:
    """A list of arrays: `<name>.json` describes each, `<name>.bin` holds their bytes, equal ones once."""

    def __init__(self, name):
        self.name, self.entries, self.data, self.offsets = name, [], b"", {}

    def add(self, array, **facts):
        data = np.ascontiguousarray(array).tobytes()
        key = hashlib.sha256(data).digest()
        if key not in self.offsets:
            self.offsets[key] = len(self.data)
            self.data += data
        height, width = array.shape[:2] if array.dtype == np.uint8 else array.shape[1:]
        self.entries.append({**facts, "width": width, "height": height, "offset": self.offsets[key]})

    def save(self):
        GOLDEN.mkdir(parents=True, exist_ok=True)
        (GOLDEN / f"{self.name}.bin").write_bytes(self.data)
        write_json(self.name, self.entries)


def write_json(name, entries):
    GOLDEN.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(entry, sort_keys=True) for entry in entries)
    (GOLDEN / f"{name}.json").write_text(f"[\n{lines}\n]\n")


def reading(data):
    """Pillow's upright RGB reading of a file."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    return np.asarray(image.convert("RGB"))


def source(name):
    return Image.open(IMAGES / name).convert("RGB")


def write_resizes():
    golden = Golden("resize")
    for name, sizes in (
            ("formats/scene.png", ((33, 22), (20, 90), (135, 17), (61, 47), (1, 1))),
            ("formats/rgb.png", ((70, 50), (45, 60), (9, 5))), ("formats/texture.png", ((48, 64), (31, 31), (90, 40)))):
        for size in sizes:
            for filter, resample in FILTERS.items():
                resized = source(name).resize(size, resample)
                golden.add(np.asarray(resized), file=name, filter=filter)
    golden.save()


def write_scaled_jpegs():
    """What Pillow's draft mode gives: libjpeg-turbo's scaling in the DCT domain."""
    golden = Golden("scaled")
    for name in ("sunset-beach.jpg", "color-noise.jpg", "letter-page.jpg"):
        for eighths in (1, 2):
            image = Image.open(IMAGES / "gallery" / name)
            size = tuple((side * eighths + 7) // 8 for side in image.size)
            image.draft("RGB", tuple(side * eighths // 8 for side in image.size))
            assert image.size == size, (name, image.size, size)
            golden.add(np.asarray(image), file=f"gallery/{name}", minimumSide=min(size))
    golden.save()


def hex_of(bits):
    return np.packbits(np.asarray(bits, np.uint8)).tobytes().hex()


def write_hashes():
    import imagehash
    import pdqhash

    entries = []
    for name, sizes in (
            ("formats/scene.png", (None, (300, 200), (512, 512), (64, 64), (777, 130))),
            ("formats/texture.png", (None, (640, 480), (200, 500))), ("formats/rgb.png", (None, (256, 256))),
            ("damaged/one-by-one.png", (None,)),
            *((f"gallery/{name}.jpg", (None,)) for name in ("sunset-beach", "orange-cat", "letter-page", "color-noise", "blue-gradient"))):
        for size in sizes:
            image = source(name)
            if size:
                image = image.resize(size, Image.Resampling.BICUBIC)
            entry = {"file": name, "phash": str(imagehash.phash(image))}
            if size:
                entry["resize"] = list(size)
            if min(image.size) >= 5:
                vector, quality = pdqhash.compute(np.asarray(image))
                dihedral, _ = pdqhash.compute_dihedral(np.asarray(image))
                entry.update(pdq=hex_of(vector), quality=int(quality), dihedral=[hex_of(v) for v in dihedral])
            entry.update(measures(image))
            entries.append(entry)
    write_json("hashes", entries)


def measures(image):
    """The quality measures in NumPy, from their definition."""
    grey = image.convert("L")
    longer = max(grey.size)
    if longer > 256:
        grey = grey.resize(tuple(max(1, (s * 256 + longer // 2) // longer) for s in grey.size), Image.Resampling.BILINEAR)
    levels = np.asarray(grey).astype(np.float64)
    sharpness = 0.0
    if min(levels.shape) > 2:
        middle = levels[1:-1, 1:-1]
        laplacian = levels[1:-1, :-2] + levels[1:-1, 2:] + levels[:-2, 1:-1] + levels[2:, 1:-1] - 4 * middle
        sharpness = float(laplacian.var())
    share = np.bincount(levels.astype(np.uint8).ravel(), minlength=256) / levels.size
    share = share[share > 0]
    return {
        "sharpness": sharpness, "brightness": float(levels.mean() / 255), "contrast": float(levels.std() / 255),
        "entropy": float(-(share * np.log2(share)).sum())}


def write_preprocessing():
    """Tensors of transformers' CLIP processor and of torchvision's transforms for ResNets."""
    import torch
    import transformers
    from torchvision import transforms
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    golden = Golden("preprocessing")
    clip = {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]}
    imagenet = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    for name in ("formats/scene.png", "formats/texture.png", "formats/rgb.png"):
        image = source(name)
        for resize, crop in ((32, 32), (37, 32), (24, 32)):
            processor = CLIPImageProcessorPil(
                size={"shortest_edge": resize}, crop_size={"height": crop, "width": crop}, image_mean=clip["mean"],
                image_std=clip["std"])
            tensor = np.asarray(processor(image, return_tensors="np")["pixel_values"][0], np.float32)
            golden.add(tensor, file=name, mode="crop", resize=resize, filter="bicubic", rounding="down", **clip)
        for resize, crop in ((37, 32), (32, 32)):
            pipeline = transforms.Compose([
                transforms.Resize(resize, transforms.InterpolationMode.BILINEAR), transforms.CenterCrop(crop),
                transforms.ToTensor(), transforms.Normalize(imagenet["mean"], imagenet["std"])])
            golden.add(
                pipeline(image).numpy(), file=name, mode="crop", resize=resize, filter="bilinear",
                rounding="halfToEven", **imagenet)
        pipeline = transforms.Compose([
            transforms.Resize((20, 28), transforms.InterpolationMode.BICUBIC), transforms.ToTensor(),
            transforms.Normalize(clip["mean"], clip["std"])])
        golden.add(pipeline(image).numpy(), file=name, mode="squash", resize=0, filter="bicubic", rounding="down", **clip)
    golden.save()
    print("preprocessing from transformers", transformers.__version__, "torch", torch.__version__)


if __name__ == "__main__":
    parts = sys.argv[1:] or ["images", "golden"]
    if "images" in parts:
        write_images()
    if "golden" in parts:
        write_resizes()
        write_scaled_jpegs()
        write_hashes()
    if "preprocessing" in parts:
        write_preprocessing()
