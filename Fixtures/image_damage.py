"""One file for each kind of damage; what each one leads to is written down in Tests/ImagingTests/DamageTests.swift."""

import io
import struct

import numpy as np
from PIL import Image

import image_formats as formats


def cut(data, share):
    return data[: int(len(data) * share)]


def patched(data, offset, new):
    return data[:offset] + new + data[offset + len(new) :]


def start_of_frame(data):
    """Offset of a JPEG's baseline or progressive SOF segment."""
    return next(data.index(marker) for marker in (b"\xff\xc0", b"\xff\xc2") if marker in data)


def many_scans(image):
    """A progressive JPEG whose last scan comes two hundred times."""
    data = formats.saved(image, "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * 200 + b"\xff\xd9"


def exif_block(entries):
    """A little-endian block with one directory of raw 12-byte entries."""
    return b"Exif\0\0II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)


def files():
    image = formats.picture("red-car", 96, 64)
    good = {name: data for name, data, _, _ in formats.files()}
    jpeg = formats.saved(image, "JPEG", quality=90)
    progressive = formats.saved(image, "JPEG", quality=90, progressive=True)
    png = formats.saved(image, "PNG", compress_level=1)

    yield "truncated.jpg", cut(jpeg, 0.6)
    yield "truncated-progressive.jpg", cut(progressive, 0.5)
    yield "truncated-before-pixels.jpg", jpeg[: jpeg.index(b"\xff\xda") + 14]
    yield "truncated-in-header.jpg", jpeg[: jpeg.index(b"\xff\xc0") + 6]
    yield "truncated.png", cut(png, 0.6)
    yield "truncated-interlaced.png", cut(formats.interlaced(png), 0.6)
    yield "truncated-in-header.png", png[:20]
    yield "truncated.gif", cut(formats.saved(image.quantize(64), "GIF"), 0.6)
    yield "truncated.webp", cut(formats.saved(image, "WEBP", quality=90), 0.6)
    yield "truncated-animated.webp", cut(good["animated.webp"], 0.3)
    yield "truncated.tiff", cut(good["lzw.tiff"], 0.5)
    yield "truncated.bmp", cut(good["rgb-24.bmp"], 0.6)
    yield "truncated-rle.bmp", cut(good["rle8.bmp"], 0.6)
    yield "truncated.ppm", cut(good["raw.ppm"], 0.6)
    yield "truncated-plain.ppm", cut(good["plain.ppm"], 0.6)
    yield "truncated.heic", cut(good["plain.heic"], 0.6)
    yield "truncated.avif", cut(good["plain.avif"], 0.6)

    yield "empty.jpg", b""
    yield "one-byte.jpg", b"\xff"
    yield "text.jpg", b"This is no picture.\n"
    yield "png-named.jpg", png
    yield "jpeg-named.png", jpeg
    yield "one-by-one.png", formats.saved(Image.new("RGB", (1, 1), (200, 100, 50)), "PNG")
    yield "one-by-one.jpg", formats.saved(Image.new("RGB", (1, 1), (200, 100, 50)), "JPEG")
    stripes = np.zeros((1, 30000, 3), np.uint8)
    stripes[:, ::2] = 255
    yield "wide-30000x1.png", formats.saved(Image.fromarray(stripes), "PNG")
    yield "tall-1x30000.jpg", formats.saved(Image.new("RGB", (1, 30000), (10, 90, 200)), "JPEG")

    yield "bomb.png", formats.png_file(struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0), bytes(1000))
    frame = start_of_frame(jpeg)
    yield "bomb.jpg", patched(jpeg, frame + 5, struct.pack(">HH", 65000, 65000))
    yield "bomb.gif", patched(good["plain.gif"], 6, struct.pack("<HH", 65535, 65535))
    descriptor = good["plain.gif"].index(b"\x2c", 13 + 3 * 128)
    yield "bomb-frame.gif", patched(good["plain.gif"], descriptor + 5, struct.pack("<HH", 65535, 65535))
    yield "bomb.bmp", patched(good["rgb-24.bmp"], 18, struct.pack("<ii", 60000, 60000))
    yield "bomb.ppm", b"P6 60000 60000 255\n" + bytes(100)
    yield "bomb.tiff", tiff_of_size(60000, 60000)
    yield "side-too-long.ppm", b"P6 2000000 1 255\n" + bytes(100)

    yield "no-pixels.png", formats.png_file(struct.pack(">IIBBBBB", 0, 0, 8, 2, 0, 0, 0), b"")
    yield "no-pixels.ppm", b"P6 0 5 255\n"
    yield "bad-crc-header.png", patched(png, 29, b"\0\0\0\0")
    pixels = png.index(b"IDAT")
    size = struct.unpack(">I", png[pixels - 4 : pixels])[0]
    yield "bad-crc-pixels.png", patched(png, pixels + 4 + size, b"\0\0\0\0")
    yield "bad-deflate.png", patched(png, pixels + 300, bytes(40))
    yield "unknown-critical-chunk.png", png[:33] + formats.png_chunk(b"CgBI", b"\x50\0\x20\6") + png[33:]

    random = np.random.default_rng(7)
    scan = jpeg.index(b"\xff\xda") + 14
    noise = random.integers(0, 255, len(jpeg) - scan - 2, np.uint8).tobytes()
    yield "random-pixels.jpg", jpeg[:scan] + noise + b"\xff\xd9"
    yield "random-after-head.jpg", b"\xff\xd8\xff\xe0" + random.integers(0, 256, 4000, np.uint8).tobytes()
    yield "random-after-head.png", b"\x89PNG\r\n\x1a\n" + random.integers(0, 256, 2000, np.uint8).tobytes()
    yield "random-after-head.webp", b"RIFF\0\1\0\0WEBP" + random.integers(0, 256, 500, np.uint8).tobytes()
    yield "random-after-head.gif", b"GIF89a" + random.integers(0, 256, 500, np.uint8).tobytes()
    yield "random-after-head.tiff", b"II*\0" + random.integers(0, 256, 500, np.uint8).tobytes()
    yield "random-after-head.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + random.integers(0, 256, 500, np.uint8).tobytes()
    yield "many-scans.jpg", many_scans(image)
    yield "12-bit.jpg", patched(jpeg, frame + 4, b"\x0c")
    yield "two-components.jpg", two_components(jpeg)
    yield "no-frame.gif", b"GIF89a\x05\0\x05\0\0\0\0;"
    yield "float.tiff", formats.saved(Image.new("F", (8, 8), 0.5), "TIFF")
    yield "bad-compression.bmp", patched(good["rgb-24.bmp"], 30, struct.pack("<I", 4))
    yield "bad-number.ppm", b"P3 4 four 255\n"
    yield "bad-sample.ppm", b"P3 2 2 255\n1 2 3 4 5 6 7 8 9 10 11 x"

    entry = struct.pack("<HHII", 0x0112, 3, 1, 6)
    out_of_range = struct.pack("<HHII", 0x8769, 4, 1, 0xFFFFFFF0)
    loop = struct.pack("<HHII", 0x8769, 4, 1, 8)
    yield "exif-offset-outside.jpg", formats.saved(image, "JPEG", exif=exif_block([entry, out_of_range]))
    yield "exif-loop.jpg", formats.saved(image, "JPEG", exif=exif_block([entry, loop]))
    yield "exif-orientation-9.jpg", formats.saved(image, "JPEG", exif=exif_block([struct.pack("<HHII", 0x0112, 3, 1, 9)]))
    yield "exif-cut.jpg", formats.saved(image, "JPEG", exif=exif_block([entry])[:17])
    yield "exif-no-date.jpg", formats.saved(image, "JPEG", exif=formats.exif(1, "0000:00:00 00:00:00"))


def two_components(jpeg):
    """A JPEG whose frame names two components, which is no colour space."""
    frame = start_of_frame(jpeg)
    head = b"\xff\xc0" + struct.pack(">HBHHB", 8 + 6, 8, 64, 96, 2) + b"\1\x11\0\2\x11\1"
    scan = jpeg.index(b"\xff\xda")
    length = struct.unpack(">H", jpeg[frame + 2 : frame + 4])[0]
    tables = jpeg[frame + 2 + length : scan]
    return jpeg[:2] + jpeg[20:frame] + head + tables + b"\xff\xda\0\x0a\2\1\0\2\x11\0\x3f\0" + jpeg[scan + 14 :]


def tiff_of_size(width, height):
    """A TIFF whose directory claims a size and whose single strip holds a few bytes."""
    entries = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8),
        (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, 100)]
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *e) for e in entries) + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + 100) + bytes(100) + directory
