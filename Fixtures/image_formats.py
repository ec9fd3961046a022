"""One small file for each decoder feature, with the pixels it should decode to.

`files()` yields (name, bytes, expected, tolerance). `expected` is an RGB array, or None where Pillow's own reading of
the file is the reference; `tolerance` is (largest difference, mean difference) in levels.
"""

import io
import pathlib
import struct
import subprocess
import tempfile
import zlib

import numpy as np
import pillow_heif
import tifffile
from PIL import Image

import image_scenes

EXACT, ROUNDING, LOSSY, OTHER_DECODER = (0, 0), (1, 1), (2, 0.5), (40, 4)

CAPTURE_TIME = "2024:05:06 07:08:09"


def picture(name, width=45, height=31):
    """A scene made small; odd sides on purpose."""
    return image_scenes.draw(name).resize((width, height), Image.Resampling.LANCZOS)


def with_alpha(image):
    """A picture that fades out to the right and has a hole."""
    width, height = image.size
    alpha = np.linspace(255, 0, width)[None].repeat(height, 0)
    alpha[height // 3 : height // 2, : width // 4] = 0
    image = image.copy()
    image.putalpha(Image.fromarray(alpha.astype(np.uint8)))
    return image


def over_white(rgba):
    """Straight alpha composited over white, rounded."""
    pixels = np.asarray(rgba.convert("RGBA")).astype(np.float64)
    alpha = pixels[..., 3:] / 255
    return np.floor(pixels[..., :3] * alpha + 255 * (1 - alpha) + 0.5).astype(np.uint8)


def saved(image, format, **options):
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def exif(orientation=1, time=CAPTURE_TIME, endian="<"):
    data = Image.Exif()
    data.endian = endian
    data[0x0112] = orientation
    if time:
        data.get_ifd(0x8769)[0x9003] = time
    return data.tobytes()


def big_endian_exif(orientation, time):
    """The same block in the order of Motorola processors, which Pillow does not write."""
    text = time.encode() + b"\0"
    ifd0 = struct.pack(">H", 2) + struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    ifd0 += struct.pack(">HHII", 0x8769, 4, 1, 8 + 2 + 2 * 12 + 4) + struct.pack(">I", 0)
    sub = struct.pack(">H", 1) + struct.pack(">HHII", 0x9003, 2, len(text), 8 + len(ifd0) + 18) + struct.pack(">I", 0)
    return b"Exif\0\0MM\0*" + struct.pack(">I", 8) + ifd0 + sub + text


def tool(arguments, data):
    """What a command makes of some bytes on its standard input."""
    return subprocess.run(arguments, input=data, capture_output=True, check=True).stdout


def ycck_jpeg(image):
    """A YCCK file, which no common tool writes: a CMYK one whose planes hold YCbCr, marked so in its Adobe segment."""
    ink = 255 - np.asarray(image).astype(np.int32)
    black = ink.min(2, keepdims=True) // 2
    ink = np.clip(ink - black, 0, 255).astype(np.uint8)
    luma_chroma = np.asarray(Image.fromarray(ink).convert("YCbCr"))
    planes = np.concatenate([255 - luma_chroma, black.astype(np.uint8)], 2)
    data = bytearray(saved(Image.frombytes("CMYK", image.size, planes.tobytes()), "JPEG", quality=95, subsampling=0))
    data[data.index(b"Adobe") + 11] = 2
    return bytes(data)


def jpegs(image):
    plain = saved(image, "JPEG", quality=92)
    yield "baseline.jpg", plain, None, LOSSY
    yield "baseline-444.jpg", saved(image, "JPEG", quality=92, subsampling=0), None, LOSSY
    yield "baseline-422.jpg", saved(image, "JPEG", quality=92, subsampling=1), None, LOSSY
    yield "progressive.jpg", saved(image, "JPEG", quality=92, progressive=True), None, LOSSY
    yield "restart-markers.jpg", saved(image, "JPEG", quality=92, restart_marker_blocks=2), None, LOSSY
    yield "grey.jpg", saved(image.convert("L"), "JPEG", quality=92), None, LOSSY
    yield "cmyk.jpg", saved(image.convert("CMYK"), "JPEG", quality=92), None, LOSSY
    yield "ycck.jpg", ycck_jpeg(image), None, LOSSY
    yield "rgb-colorspace.jpg", saved(image, "JPEG", quality=92, keep_rgb=True), None, LOSSY
    arithmetic = tool(["jpegtran", "-arithmetic"], plain)
    yield "arithmetic.jpg", arithmetic, np.asarray(Image.open(io.BytesIO(plain))), LOSSY
    progressive = tool(["jpegtran", "-arithmetic", "-progressive"], plain)
    yield "arithmetic-progressive.jpg", progressive, np.asarray(Image.open(io.BytesIO(plain))), LOSSY
    for orientation in range(1, 9):
        data = saved(image, "JPEG", quality=92, exif=exif(orientation))
        yield f"orientation-{orientation}.jpg", data, None, LOSSY
    yield "exif-big-endian.jpg", saved(image, "JPEG", exif=big_endian_exif(6, CAPTURE_TIME)), None, LOSSY
    yield "no-end-marker.jpg", plain[:-2], np.asarray(Image.open(io.BytesIO(plain))), LOSSY


def png_chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_file(head, body):
    """A PNG of an IHDR chunk's content and filtered rows."""
    chunks = png_chunk(b"IHDR", head) + png_chunk(b"IDAT", zlib.compress(body)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def png16(image, mode):
    """A PNG of 16 bits a sample whose low bytes are not the high ones; `mode` is 0 for grey, 2 for colour."""
    levels = np.asarray(image.convert("L" if mode == 0 else "RGB")).astype(np.uint32)
    wide = np.clip(levels * 257 + 37, 0, 65535)
    body = b"".join(b"\0" + row.astype(">u2").tobytes() for row in wide)

    head = struct.pack(">IIBBBBB", image.width, image.height, 16, mode, 0, 0, 0)
    data = png_file(head, body)
    expected = np.floor(wide * 255 / 65535 + 0.5).astype(np.uint8)
    return data, expected if mode else np.repeat(expected[..., None], 3, 2)


def interlaced(data):
    """The same PNG in Adam7 order, which Pillow does not write."""
    image = Image.open(io.BytesIO(data))
    pixels = np.asarray(image)
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    body = b""
    for x0, y0, dx, dy in passes:
        part = pixels[y0::dy, x0::dx]
        if part.size:
            body += b"".join(b"\0" + row.tobytes() for row in part)

    kind = {"RGB": 2, "RGBA": 6, "L": 0}[image.mode]
    head = struct.pack(">IIBBBBB", image.width, image.height, 8, kind, 0, 0, 1)
    return png_file(head, body)


def pngs(image):
    clear = with_alpha(image)
    rgb = saved(image, "PNG")
    yield "rgb.png", rgb, None, EXACT
    yield "rgb-interlaced.png", interlaced(rgb), np.asarray(image), EXACT
    yield "rgba.png", saved(clear, "PNG"), over_white(clear), EXACT
    yield "rgba-interlaced.png", interlaced(saved(clear, "PNG")), over_white(clear), EXACT
    yield "grey.png", saved(image.convert("L"), "PNG"), None, EXACT
    grey_alpha = clear.convert("LA")
    yield "grey-alpha.png", saved(grey_alpha, "PNG"), over_white(grey_alpha), EXACT
    yield "bilevel.png", saved(image.convert("1"), "PNG"), None, EXACT
    palette = image.quantize(200)
    yield "palette.png", saved(palette, "PNG"), None, EXACT
    yield "palette-4-bit.png", saved(image.quantize(16), "PNG", bits=4), None, EXACT
    transparent = palette.copy()
    data = saved(transparent, "PNG", transparency=bytes(range(200)))
    yield "palette-transparency.png", data, over_white(Image.open(io.BytesIO(data)).convert("RGBA")), EXACT
    keyed = image.copy()
    keyed.paste((10, 20, 30), (5, 5, 20, 15))
    data = saved(keyed, "PNG", transparency=(10, 20, 30))
    yield "rgb-transparency.png", data, over_white(Image.open(io.BytesIO(data)).convert("RGBA")), EXACT
    for name, mode in (("rgb-16-bit.png", 2), ("grey-16-bit.png", 0)):
        data, expected = png16(image, mode)
        yield name, data, expected, ROUNDING
    yield "orientation-6.png", saved(image, "PNG", exif=exif(6)), None, EXACT
    yield "scene.png", saved(picture("mountain-lake", 135, 90), "PNG"), None, EXACT
    yield "texture.png", saved(picture("bookshelf", 97, 128), "PNG"), None, EXACT


def webps(image):
    clear = with_alpha(image)
    yield "lossy.webp", saved(image, "WEBP", quality=90), None, LOSSY
    yield "lossless.webp", saved(image, "WEBP", lossless=True), None, EXACT
    data = saved(clear, "WEBP", lossless=True, exact=True)
    yield "alpha.webp", data, over_white(clear), EXACT
    yield "orientation-8.webp", saved(image, "WEBP", quality=90, exif=exif(8)), None, LOSSY
    other = picture("blue-car")
    data = saved(image, "WEBP", save_all=True, append_images=[other], lossless=True, duration=100)
    yield "animated.webp", data, np.asarray(image), EXACT


def gifs(image):
    palette = image.quantize(128)
    yield "plain.gif", saved(palette, "GIF"), None, EXACT
    yield "interlaced.gif", saved(palette, "GIF", interlace=1), None, EXACT
    marked = palette.copy()
    marked.paste(5, (8, 8, 30, 20))
    data = saved(marked, "GIF", transparency=5)
    yield "transparent.gif", data, over_white(Image.open(io.BytesIO(data)).convert("RGBA")), EXACT
    frames = [picture("blue-car").quantize(128), picture("sunflower").quantize(128)]
    data = saved(palette, "GIF", save_all=True, append_images=frames, duration=80, loop=0)
    yield "animated.gif", data, np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), EXACT


def tiffs(image):
    for name, compression in (
            ("uncompressed", None), ("lzw", "tiff_lzw"), ("deflate", "tiff_adobe_deflate"), ("packbits", "packbits")):
        yield f"{name}.tiff", saved(image, "TIFF", compression=compression), None, EXACT
    yield "jpeg.tiff", saved(image, "TIFF", compression="jpeg", quality=95), None, LOSSY
    yield "grey.tiff", saved(image.convert("L"), "TIFF"), None, EXACT
    yield "palette.tiff", saved(image.quantize(64), "TIFF"), None, EXACT
    yield "group4.tiff", saved(image.convert("1"), "TIFF", compression="group4"), None, EXACT
    clear = with_alpha(image)
    yield "alpha.tiff", saved(clear, "TIFF"), over_white(clear), ROUNDING
    for orientation in range(1, 9):
        yield f"orientation-{orientation}.tiff", saved(image, "TIFF", tiffinfo={274: orientation}), None, EXACT
    pixels = np.asarray(image)

    def written(**options):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "picture.tiff"
            bigtiff = options.pop("bigtiff", False)
            data = options.pop("data", pixels)
            with tifffile.TiffWriter(path, bigtiff=bigtiff, byteorder=options.pop("byteorder", "<")) as writer:
                writer.write(data, photometric="rgb", metadata=None, software=None, datetime=None, **options)
            return path.read_bytes()

    yield "tiled.tiff", written(tile=(16, 16), compression="zlib"), pixels, EXACT
    yield "planar.tiff", written(data=np.moveaxis(pixels, 2, 0), planarconfig="separate"), pixels, EXACT
    yield "big-endian.tiff", written(byteorder=">"), pixels, EXACT
    yield "bigtiff.tiff", written(bigtiff=True), pixels, EXACT
    yield "rgb-16-bit.tiff", written(data=pixels.astype(np.uint16) * 257), pixels, ROUNDING


def bitmap(width, height, bits, rows, palette=b"", compression=0, masks=b"", header=40, top_down=False):
    """A BMP file of given parts; `rows` is the pixel data as stored."""
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        colors = len(palette) // 4
        info = struct.pack(
            "<IiiHHIIiiII", header, width, -height if top_down else height, 1, bits, compression, len(rows), 2835,
            2835, colors, 0)
        if header > 40:
            info += masks + bytes(header - 40 - len(masks))
            masks = b""
    offset = 14 + len(info) + len(masks) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(rows), 0, 0, offset) + info + masks + palette + rows


def bmps(image):
    pixels = np.asarray(image)
    height, width, _ = pixels.shape

    def padded(row):
        return row + bytes(-len(row) % 4)

    def stored(rows):
        return b"".join(padded(bytes(row)) for row in reversed(rows))

    bgr = [row[:, ::-1].tobytes() for row in pixels]
    yield "rgb-24.bmp", bitmap(width, height, 24, stored(bgr)), pixels, EXACT
    yield "top-down.bmp", bitmap(width, height, 24, b"".join(map(padded, bgr)), top_down=True), pixels, EXACT
    yield "os2.bmp", bitmap(width, height, 24, stored(bgr), header=12), pixels, EXACT
    wide = [np.concatenate([row[:, ::-1], np.zeros((width, 1), np.uint8)], 1).tobytes() for row in pixels]
    yield "rgb-32.bmp", bitmap(width, height, 32, stored(wide)), pixels, EXACT
    for colors, bits in ((2, 1), (16, 4), (200, 8)):
        reduced = image.quantize(colors)
        table = np.asarray(reduced.getpalette()[: 3 * colors], np.uint8).reshape(-1, 3)
        entries = b"".join(bytes((b, g, r, 0)) for r, g, b in table)
        index = np.asarray(reduced)
        expected = table[index]
        if bits == 8:
            rows = [row.tobytes() for row in index]
        elif bits == 4:
            even = np.pad(index, ((0, 0), (0, width % 2)))
            rows = [((row[::2] << 4) | row[1::2]).astype(np.uint8).tobytes() for row in even]
        else:
            rows = [np.packbits(row).tobytes() for row in index]
        yield f"palette-{bits}-bit.bmp", bitmap(width, height, bits, stored(rows), entries), expected, EXACT
        if bits == 8:
            body = b""
            for y, row in enumerate(reversed(index)):
                x = 0
                while x < width:
                    run = 1
                    while x + run < width and row[x + run] == row[x]:
                        run += 1
                    if run >= 2 or width - x < 3:
                        body += bytes((run, row[x]))
                        x += run
                    else:
                        literal = row[x : x + 5]
                        literal = literal if len(literal) >= 3 else row[x : x + 3]
                        body += bytes((0, len(literal))) + literal.tobytes() + bytes(len(literal) % 2)
                        x += len(literal)
                body += b"\0\0" if y < height - 1 else b"\0\1"
            yield "rle8.bmp", bitmap(width, height, 8, body, entries, compression=1), expected, EXACT
        if bits == 4:
            body = b""
            for y, row in enumerate(reversed(index)):
                body += b"".join(bytes((1, int(value) << 4)) for value in row[:10])
                rest = np.pad(row[10:], (0, (-len(row[10:])) % 4))
                packed = ((rest[::2] << 4) | rest[1::2]).astype(np.uint8).tobytes()
                body += bytes((0, len(row) - 10)) + packed[: (len(row) - 10 + 1) // 2]
                body += bytes(((len(row) - 10 + 1) // 2) % 2)
                body += b"\0\0" if y < height - 1 else b"\0\1"
            yield "rle4.bmp", bitmap(width, height, 4, body, entries, compression=2), expected, EXACT
    p = pixels.astype(np.uint32)
    five = ((p[..., 0] >> 3) << 10 | (p[..., 1] >> 3) << 5 | p[..., 2] >> 3).astype("<u2")
    expected = np.floor((p >> 3) * 255 / 31 + 0.5).astype(np.uint8)
    yield "rgb-555.bmp", bitmap(width, height, 16, stored([row.tobytes() for row in five])), expected, EXACT
    packed = ((p[..., 0] >> 3) << 11 | (p[..., 1] >> 2) << 5 | p[..., 2] >> 3).astype("<u2")
    masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    expected = np.floor(np.stack(
        [(p[..., 0] >> 3) * 255 / 31, (p[..., 1] >> 2) * 255 / 63, (p[..., 2] >> 3) * 255 / 31], 2) + 0.5)
    data = bitmap(width, height, 16, stored([row.tobytes() for row in packed]), compression=3, masks=masks)
    yield "rgb-565.bmp", data, expected.astype(np.uint8), EXACT
    clear = with_alpha(image)
    rgba = np.asarray(clear)
    masks = struct.pack("<IIII", 0x00FF0000, 0x0000FF00, 0x000000FF, 0xFF000000)
    rows = [row[:, [2, 1, 0, 3]].tobytes() for row in rgba]
    data = bitmap(width, height, 32, stored(rows), compression=3, masks=masks, header=108)
    yield "rgba-v4.bmp", data, over_white(clear), EXACT
    rows = [row[:, [2, 1, 0, 3]].tobytes() for row in np.dstack([pixels, np.zeros((height, width), np.uint8)])]
    data = bitmap(width, height, 32, stored(rows), compression=3, masks=masks, header=124)
    yield "alpha-unused-v5.bmp", data, pixels, EXACT


def pnms(image):
    pixels = np.asarray(image)
    grey = np.asarray(image.convert("L"))
    height, width = grey.shape
    bits = np.asarray(image.convert("1"))
    bilevel = np.repeat(np.where(bits, 255, 0).astype(np.uint8)[..., None], 3, 2)
    repeated = np.repeat(grey[..., None], 3, 2)
    size = f"{width} {height}\n"

    def plain(values):
        return "\n".join(" ".join(map(str, row)) for row in values.reshape(height, -1)).encode()

    black = (~bits).astype(np.uint8)
    yield "plain.pbm", f"P1\n# a comment\n{size}".encode() + plain(black), bilevel, EXACT
    yield "dense.pbm", f"P1\n{size}".encode() + "".join(map(str, black.ravel())).encode(), bilevel, EXACT
    yield "raw.pbm", f"P4\n{size}".encode() + np.packbits(black, 1).tobytes(), bilevel, EXACT
    yield "plain.pgm", f"P2\n{size}255\n".encode() + plain(grey), repeated, EXACT
    yield "raw.pgm", f"P5\n{size}255\n".encode() + grey.tobytes(), repeated, EXACT
    wide = (grey.astype(np.uint16) * 257).astype(">u2")
    yield "raw-16-bit.pgm", f"P5\n{size}65535\n".encode() + wide.tobytes(), repeated, EXACT
    yield "plain.ppm", f"P3 {size}# another\n255\n".encode() + plain(pixels), pixels, EXACT
    yield "raw.ppm", f"P6\n{size}255\n".encode() + pixels.tobytes(), pixels, EXACT
    few = (pixels // 16).astype(np.uint8)
    yield "raw-maxval-15.ppm", f"P6\n{size}15\n".encode() + few.tobytes(), few * 17, EXACT
    hundredths = (pixels.astype(np.uint16) * 100 // 255).astype(np.uint8)
    expected = np.floor(hundredths.astype(float) * 255 / 100 + 0.5).astype(np.uint8)
    yield "raw-maxval-100.ppm", f"P6\n{size}100\n".encode() + hundredths.tobytes(), expected, EXACT
    clear = with_alpha(image)
    head = f"P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n"
    yield "rgba.pam", head.encode() + np.asarray(clear).tobytes(), over_white(clear), EXACT
    head = f"P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH 1\nMAXVAL 255\nTUPLTYPE GRAYSCALE\nENDHDR\n"
    yield "grey.pam", head.encode() + grey.tobytes(), repeated, EXACT


def heifs():
    even = picture("red-car", 64, 48)
    heif = pillow_heif.from_pillow(even)

    def encoded(**options):
        out = io.BytesIO()
        heif.save(out, quality=90, chroma=444, **options)
        return out.getvalue()

    def reference(data):
        return np.asarray(pillow_heif.open_heif(io.BytesIO(data)).to_pillow().convert("RGB"))

    data = encoded()
    yield "plain.heic", data, reference(data), OTHER_DECODER
    data = encoded(exif=exif(6))
    yield "exif.heic", data, reference(data), OTHER_DECODER
    data = saved(even, "AVIF", quality=90, subsampling="4:4:4")
    yield "plain.avif", data, None, OTHER_DECODER
    data = saved(even, "AVIF", quality=90, subsampling="4:4:4", exif=exif(6))
    yield "orientation-6.avif", data, None, OTHER_DECODER
    clear = with_alpha(even)
    data = saved(clear, "AVIF", quality=95, subsampling="4:4:4")
    yield "alpha.avif", data, over_white(Image.open(io.BytesIO(data)).convert("RGBA")), OTHER_DECODER


def files():
    image = picture("red-car")
    for part in (jpegs, pngs, webps, gifs, tiffs, bmps, pnms):
        yield from part(image)
    yield from heifs()
