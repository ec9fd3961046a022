"""The edits that copies are made with to measure how many are found again: name to function of a Pillow picture."""
import io

from PIL import Image, ImageDraw, ImageEnhance, ImageOps


def jpeg(image, quality):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def cut(image, share, x, y):
    """Keeps `share` of both sides."""
    w, h = image.size
    cw, ch = round(w * share), round(h * share)
    left, top = round((w - cw) * x), round((h - ch) * y)
    return image.crop((left, top, left + cw, top + ch))


def caption(image):
    w, h = image.size
    page = Image.new("RGB", (w, h + h // 5), (255, 255, 255))
    page.paste(image, (0, h // 5))
    ImageDraw.Draw(page).text((4, h // 10 - 6), "when you see it", fill=(0, 0, 0))
    return page


def words_over(image):
    image = image.copy()
    w, h = image.size
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, h - round(h * 0.16), w, h), fill=(0, 0, 0))
    draw.text((4, h - round(h * 0.08) - 6), "summer holiday", fill=(255, 255, 255))
    return image


def screenshot(image):
    w, h = image.size
    page = Image.new("RGB", (round(w * 1.3), round(h * 1.3)), (245, 245, 245))
    page.paste(image, (round(w * 0.15), round(h * 0.2)))
    ImageDraw.Draw(page).rectangle((0, 0, page.width, round(h * 0.08)), fill=(60, 90, 150))
    return page


EDITS = {
    "JPEG quality 30": lambda im: jpeg(im, 30),
    "half size": lambda im: im.resize((im.width // 2, im.height // 2), Image.LANCZOS),
    "crop, 90 % of each side": lambda im: cut(im, 0.9, 0.3, 0.7),
    "crop, 75 % of each side": lambda im: cut(im, 0.75, 0.6, 0.4),
    "crop, 50 % of the area": lambda im: cut(im, 0.5 ** 0.5, 0.3, 0.6),
    "grey": lambda im: im.convert("L").convert("RGB"),
    "brighter": lambda im: ImageEnhance.Brightness(im).enhance(1.35),
    "caption over a part": words_over,
    "caption above": caption,
    "border": lambda im: ImageOps.expand(im, max(1, round(im.width * 0.06)), (255, 255, 255)),
    "screenshot": screenshot,
    "mirror": ImageOps.mirror,
    "rotated by 5°": lambda im: cut(im.rotate(5, Image.BICUBIC), 0.88, 0.5, 0.5),
    "rotated by 90°": lambda im: im.transpose(Image.ROTATE_90),
}
