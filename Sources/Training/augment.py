"""What happens to pictures on their way into training, and the edits people make to copies of a picture."""
import io

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageEnhance, ImageOps


def training_views(pixels, size, rng, smallest=0.5):
    """Random crops, flips, small turns and colour changes of a batch: uint8 (n, h, w, 3) to float (n, 3, size, size), 0..255.

    Done on the whole batch with one sampling grid: on a CPU this costs a few per cent of a step.
    """
    n = len(pixels)
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    if size < 90:  # bilinear sampling would alias; bytes are resized much faster than floats
        x = F.interpolate(x, size=(88, 88), mode="bilinear", antialias=True)
    x = x.float()

    def uniform(low, high, *shape):
        return torch.from_numpy(rng.uniform(low, high, shape or (n,)).astype(np.float32))

    area, ratio = uniform(smallest, 1), uniform(np.log(3 / 4), np.log(4 / 3)).exp()
    w, h = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    dx, dy = uniform(-1, 1) * (1 - w), uniform(-1, 1) * (1 - h)
    flip = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    angle = torch.where(uniform(0, 1) < 0.25, uniform(-0.25, 0.25), torch.zeros(n))
    cos, sin = angle.cos(), angle.sin()
    theta = torch.stack([torch.stack([w * cos * flip, -h * sin, dx], 1), torch.stack([w * sin * flip, h * cos, dy], 1)], 1)
    x = F.grid_sample(x, F.affine_grid(theta, (n, 3, size, size), align_corners=False), mode="bilinear",
                      padding_mode="reflection", align_corners=False)

    factor = lambda spread: (uniform(1 - spread, 1 + spread)).view(n, 1, 1, 1)
    some = lambda p: (uniform(0, 1) < p).view(n, 1, 1, 1)
    grey = (x * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    x = torch.where(some(0.06), grey.expand_as(x), grey + (x - grey) * factor(0.35))
    mean = x.mean((1, 2, 3), keepdim=True)
    x = (mean + (x - mean) * factor(0.3)) * factor(0.3)
    tint = uniform(0.93, 1.07, n, 3).view(n, 3, 1, 1)
    x = (x * tint).clamp(0, 255)
    blurred = rng.random(n) < 0.1
    if blurred.any():
        small = F.interpolate(x[blurred], scale_factor=float(rng.uniform(0.4, 0.7)), mode="bilinear", antialias=True)
        x[blurred] = F.interpolate(small, size=(size, size), mode="bilinear")
    return x


def jpeg(image, quality):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=int(quality))
    return Image.open(buffer).convert("RGB")


def crop(image, share, x=0.5, y=0.5):
    """Keeps `share` of both sides."""
    w, h = image.size
    cw, ch = max(8, round(w * share)), max(8, round(h * share))
    left, top = round((w - cw) * x), round((h - ch) * y)
    return image.crop((left, top, left + cw, top + ch)).resize((w, h), Image.BICUBIC)


def caption_bar(image, text, share=0.16, top=False, dark=True):
    """A meme-like bar with words over the top or bottom."""
    w, h = image.size
    bar = round(h * share)
    image = image.copy()
    draw = ImageDraw.Draw(image)
    y = 0 if top else h - bar
    draw.rectangle((0, y, w, y + bar), fill=(0, 0, 0) if dark else (255, 255, 255))
    draw.text((4, y + max(0, bar // 2 - 6)), text, fill=(255, 255, 255) if dark else (0, 0, 0))
    return image


def border(image, share, colour):
    w, h = image.size
    inner = image.resize((round(w * (1 - 2 * share)), round(h * (1 - 2 * share))), Image.BICUBIC)
    return ImageOps.expand(inner, round(w * share), colour).resize((w, h), Image.BICUBIC)


def smaller(image, share):
    w, h = image.size
    return image.resize((round(w * share), round(h * share)), Image.BICUBIC).resize((w, h), Image.BICUBIC)


def screenshot(image, rng):
    """The picture inside a page: plain margins of their own size on each side, sometimes bars."""
    w, h = image.size
    page = Image.new("RGB", (w, h), tuple(int(c) for c in (rng.integers(225, 256, 3) if rng.random() < 0.6 else rng.integers(0, 40, 3))))
    left, top, right, bottom = (rng.uniform(0, 0.2, 4) * [w, h, w, h]).astype(int)
    page.paste(image.resize((w - left - right, h - top - bottom), Image.BICUBIC), (int(left), int(top)))
    draw = ImageDraw.Draw(page)
    for _ in range(rng.integers(3)):
        y = int(rng.integers(h - 8))
        draw.rectangle((int(left), y, int(left) + w // 3, y + 3), fill=tuple(int(c) for c in rng.integers(0, 256, 3)))
    return page


def edited(pixels, size, rng):
    """One to three random edits of each picture: uint8 (n, h, w, 3) to float (n, 3, size, size)."""
    out = []
    for picture in pixels:
        image = Image.fromarray(picture)
        for _ in range(rng.choice([1, 2, 3], p=[0.6, 0.3, 0.1])):
            kind = rng.integers(12)
            if kind == 0:
                image = jpeg(image, rng.integers(12, 60))
            elif kind == 1:
                image = smaller(image, rng.uniform(0.35, 0.8))
            elif kind in (2, 3, 4):
                image = crop(image, rng.uniform(0.5, 0.95), rng.random(), rng.random())
            elif kind == 5:
                image = image.convert("L").convert("RGB")
            elif kind == 6:
                words = "".join(rng.choice(list("abcdefghij klmnop QRST"), 14))
                image = caption_bar(image, words, rng.uniform(0.08, 0.25), rng.random() < 0.5, rng.random() < 0.6)
            elif kind == 7:
                image = border(image, rng.uniform(0.03, 0.15), tuple(int(c) for c in rng.integers(0, 256, 3)))
            elif kind == 8:
                image = ImageEnhance.Brightness(image).enhance(rng.uniform(0.6, 1.5))
                image = ImageEnhance.Contrast(image).enhance(rng.uniform(0.6, 1.5))
                image = ImageEnhance.Color(image).enhance(rng.uniform(0.4, 1.6))
            elif kind == 9:
                image = screenshot(image, rng)
            elif kind == 10:
                image = image.transpose([Image.ROTATE_90, Image.ROTATE_180, Image.ROTATE_270][rng.integers(3)])
            else:
                image = crop(image.rotate(rng.uniform(-10, 10), Image.BILINEAR), 0.86)
            if rng.random() < 0.1:
                image = ImageOps.mirror(image)
        out.append(np.asarray(image.resize((size, size), Image.BICUBIC)))
    return torch.from_numpy(np.stack(out)).permute(0, 3, 1, 2).float()


# The fixed edits that evaluation measures copy detection with.
EDITS = {
    "jpeg 30": lambda im: jpeg(im, 30), "half size": lambda im: smaller(im, 0.5), "crop 90%": lambda im: crop(im, 0.9, 0.3, 0.7),
    "crop 75%": lambda im: crop(im, 0.75, 0.6, 0.4), "grey": lambda im: im.convert("L").convert("RGB"),
    "caption bar": lambda im: caption_bar(im, "when you see it", 0.16), "border": lambda im: border(im, 0.06, (255, 255, 255)),
    "brighter": lambda im: ImageEnhance.Brightness(im).enhance(1.35), "mirror": ImageOps.mirror,
    "crop half the area": lambda im: crop(im, 0.5 ** 0.5, 0.3, 0.6), "rotate 90": lambda im: im.transpose(Image.ROTATE_90),
    "screenshot": lambda im: screenshot(im, np.random.default_rng(4)),
    "rotate 5": lambda im: crop(im.rotate(5, Image.BILINEAR), 0.88),
}
