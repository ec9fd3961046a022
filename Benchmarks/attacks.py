"""What is done to photographs that are stolen, sent, printed and posted: the attack set of `dupes.py`.

Each attack takes a picture (RGB) and a random generator and gives the bytes of a file. The figures in the names:
jpeg-NN is the quality, scale-NN the percentage of each side that is kept, crop-NN the percentage of the *area* that is cut
away (so crop-70 keeps 30 %), rotate-NN degrees. The attacks of COPIES are what the level `copies` promises to find;
`edits` has to find those and all of EDITS.
"""
import io
import math

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps


def encoded(picture, format="JPEG", **options):
    buffer = io.BytesIO()
    if format == "JPEG":
        options.setdefault("quality", 88)
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def jpeg(quality):
    return lambda picture, rng, other: encoded(picture, quality=quality)


def scale(percent):
    def attack(picture, rng, other):
        size = [max(8, round(side * percent / 100)) for side in picture.size]
        return encoded(picture.resize(size, Image.Resampling.LANCZOS))
    return attack


def crop(percent):
    def attack(picture, rng, other):
        share = math.sqrt(1 - percent / 100)
        # The shape changes a little as well, the area does not.
        stretch = rng.uniform(0.9, 1 / 0.9) if percent >= 20 else 1
        width = min(picture.width, round(picture.width * share * stretch))
        height = min(picture.height, round(picture.height * share / stretch))
        x, y = rng.randint(0, picture.width - width), rng.randint(0, picture.height - height)
        return encoded(picture.crop((x, y, x + width, y + height)))
    return attack


def turn(operation):
    return lambda picture, rng, other: encoded(picture.transpose(operation))


def rotate(degrees, inside):
    """By a small angle; either the corners are cut away or they are filled with black."""
    def attack(picture, rng, other):
        angle = degrees * rng.choice((-1, 1))
        turned = picture.rotate(angle, Image.Resampling.BICUBIC)
        if inside:
            a = math.radians(abs(angle))
            w, h = picture.size
            factor = min(w / (w * math.cos(a) + h * math.sin(a)), h / (w * math.sin(a) + h * math.cos(a)))
            dx, dy = round(w * (1 - factor) / 2), round(h * (1 - factor) / 2)
            turned = turned.crop((dx, dy, w - dx, h - dy))
        return encoded(turned)
    return attack


def blur(share):
    """A radius in shares of the longer side, so that small pictures are blurred as much as large ones."""
    return lambda picture, rng, other: encoded(picture.filter(ImageFilter.GaussianBlur(share * max(picture.size))))


def noise(sigma):
    def attack(picture, rng, other):
        values = np.asarray(picture, np.float32)
        grain = np.random.default_rng(rng.randrange(2**32)).normal(0, sigma, values.shape)
        return encoded(Image.fromarray(np.clip(values + grain, 0, 255).astype(np.uint8)))
    return attack


def enhance(kind, factor):
    return lambda picture, rng, other: encoded(kind(picture).enhance(factor))


def grey(picture, rng, other):
    return encoded(ImageOps.grayscale(picture))


def recolour(picture, rng, other):
    hue, saturation, value = picture.convert("HSV").split()
    hue = hue.point(lambda v: (v + 85) % 256)
    return encoded(Image.merge("HSV", (hue, saturation, value)).convert("RGB"))


def sepia(picture, rng, other):
    return encoded(ImageOps.colorize(ImageOps.grayscale(picture), (40, 20, 0), (255, 240, 200)))


def coefficients(source, target):
    """Of the projective map that takes the corners `target` back to `source`, as Image.transform wants them."""
    rows, values = [], []
    for (x, y), (u, v) in zip(target, source):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return np.linalg.solve(np.array(rows, float), np.array(values, float)).tolist()


def printed(picture, rng, other):
    """Printed, laid on a table and photographed from aside: perspective, paper white, faded, unsharp, grainy."""
    w, h = picture.size
    table = tuple(rng.randint(60, 150) for _ in range(3))
    canvas = Image.new("RGB", (w, h), table)
    shift = lambda low, high: rng.uniform(low, high)
    target = [(w * shift(.03, .1), h * shift(.03, .1)), (w * shift(.9, .97), h * shift(.03, .1)),
              (w * shift(.9, .97), h * shift(.9, .97)), (w * shift(.03, .1), h * shift(.9, .97))]
    paper = Image.new("RGB", (round(w * 1.06), round(h * 1.06)), (244, 240, 232))
    paper.paste(picture.point(lambda v: 30 + v * 190 // 255), (round(w * .03), round(h * .03)))
    corners = [(0, 0), (paper.width, 0), (paper.width, paper.height), (0, paper.height)]
    warp = coefficients(corners, target)
    warped = paper.transform((w, h), Image.Transform.PERSPECTIVE, warp, Image.Resampling.BICUBIC)
    cover = Image.new("L", paper.size, 255).transform((w, h), Image.Transform.PERSPECTIVE, warp)
    canvas.paste(warped, mask=cover)
    canvas = canvas.filter(ImageFilter.GaussianBlur(0.0015 * max(w, h)))
    values = np.asarray(canvas, np.float32)
    light = np.linspace(0.88, 1.08, w)[None, :, None] * np.array([1.04, 1.0, 0.92])
    grain = np.random.default_rng(rng.randrange(2**32)).normal(0, 5, values.shape)
    return encoded(Image.fromarray(np.clip(values * light + grain, 0, 255).astype(np.uint8)), quality=80)


def caption(picture, rng, other):
    """The bars and the words of a meme: above as a bar of its own, below over the picture."""
    w, h = picture.size
    bar = round(h * 0.16)
    out = Image.new("RGB", (w, h + bar), "white")
    out.paste(picture, (0, bar))
    draw = ImageDraw.Draw(out)
    draw.text((w * .04, bar * .2), "WHEN THE BACKUP RUNS", fill="black", font_size=max(8, bar * .5))
    draw.text((w * .08, bar + h * .82), "TWICE A DAY", fill="white", font_size=max(8, h * .13),
              stroke_width=max(1, h // 120), stroke_fill="black")
    return encoded(out)


def watermark(picture, rng, other):
    """Half transparent words all over."""
    layer = Image.new("RGBA", picture.size)
    draw = ImageDraw.Draw(layer)
    size = max(8, min(picture.size) // 9)
    for row in range(4):
        draw.text((picture.width * (.05 + .2 * (row % 2)), picture.height * (.1 + .22 * row)), "© stock photo",
                  fill=(255, 255, 255, 110), font_size=size)
    return encoded(Image.alpha_composite(picture.convert("RGBA"), layer).convert("RGB"))


def signed(picture, rng, other):
    """A small name in a corner."""
    out = picture.copy()
    ImageDraw.Draw(out, "RGBA").text((picture.width * .62, picture.height * .9), "© somebody",
                                     fill=(255, 255, 255, 170), font_size=max(8, picture.height // 16))
    return encoded(out)


def border(picture, rng, other):
    colour = rng.choice(("white", "black", "#b08040"))
    return encoded(ImageOps.expand(picture, round(0.12 * max(picture.size)), colour))


def screenshot(picture, rng, other):
    """On a telephone: the photo as wide as the screen, bars and buttons above and below."""
    w = 360 if max(picture.size) > 200 else 200
    h = w * 2
    screen = Image.new("RGB", (w, h), rng.choice(((255, 255, 255), (18, 18, 18))))
    draw = ImageDraw.Draw(screen)
    ink = (120, 120, 120)
    draw.text((12, 6), "10:42", fill=ink, font_size=14)
    draw.rectangle((w - 40, 8, w - 14, 20), outline=ink)
    draw.text((12, 34), "Photos", fill=(60, 120, 230), font_size=22)
    shown = picture.resize((w, max(1, round(w * picture.height / picture.width))), Image.Resampling.BICUBIC)
    if shown.height > h - 130:
        shown = shown.resize((round(w * (h - 130) / shown.height), h - 130), Image.Resampling.BICUBIC)
    screen.paste(shown, ((w - shown.width) // 2, 70))
    y = 70 + shown.height + 10
    for x in range(4):
        draw.ellipse((20 + x * w // 4, y, 44 + x * w // 4, y + 24), outline=ink, width=3)
    draw.text((12, min(h - 24, y + 34)), "Liked by 128 people", fill=ink, font_size=14)
    return encoded(screen, "PNG")


def collage(picture, rng, other):
    """One of four tiles, each filled and cut to its shape; the three others are other photographs."""
    side = 240 if max(picture.size) > 200 else 112
    sheet = Image.new("RGB", (2 * side + 12, 2 * side + 12), "white")
    place = rng.randrange(4)
    for tile in range(4):
        shown = ImageOps.fit(picture if tile == place else other(), (side, side), Image.Resampling.BICUBIC)
        sheet.paste(shown, (4 + (tile % 2) * (side + 4), 4 + (tile // 2) * (side + 4)))
    return encoded(sheet)


def cropped_and_mirrored(picture, rng, other):
    return crop(30)(ImageOps.mirror(picture), rng, other)


COPIES = {
    **{f"jpeg-{q:02}": jpeg(q) for q in (10, 30, 50, 70, 90)},
    **{f"scale-{p}": scale(p) for p in (10, 25, 50, 75, 90)},
    "png": lambda picture, rng, other: encoded(picture, "PNG"),
    "webp": lambda picture, rng, other: encoded(picture, "WEBP", quality=60),
    "brighter": enhance(ImageEnhance.Brightness, 1.3), "darker": enhance(ImageEnhance.Brightness, 0.7),
    "contrast-up": enhance(ImageEnhance.Contrast, 1.4), "contrast-down": enhance(ImageEnhance.Contrast, 0.6),
    "saturated": enhance(ImageEnhance.Color, 1.6), "sharpened": enhance(ImageEnhance.Sharpness, 2.5),
    "blur-light": blur(0.002), "noise-light": noise(8), "crop-10": crop(10), "signed": signed,
}
EDITS = {
    "jpeg-03": jpeg(3), **{f"crop-{p}": crop(p) for p in (20, 30, 40, 50, 60, 70, 80)},
    "rotate-90": turn(Image.Transpose.ROTATE_90), "rotate-180": turn(Image.Transpose.ROTATE_180),
    "rotate-270": turn(Image.Transpose.ROTATE_270), "rotate-3": rotate(3, True), "rotate-10": rotate(10, True),
    "rotate-20-black": rotate(20, False), "mirror": turn(Image.Transpose.FLIP_LEFT_RIGHT),
    "crop-30-mirror": cropped_and_mirrored, "blur": blur(0.008), "noise": noise(35), "grey": grey, "sepia": sepia,
    "recolour": recolour, "contrast-strong": enhance(ImageEnhance.Contrast, 2.2), "print": printed,
    "caption": caption, "watermark": watermark, "border": border, "screenshot": screenshot, "collage": collage,
}
