"""Pictures drawn by program: scenes, objects and pages that look like something, each from its own seed.

Every function draws on a `Scene` in units of thousandths of the picture's width, on a canvas twice the final size.
Nothing here comes from any photograph.
"""

import math
import zlib

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SUPERSAMPLING = 2


class Scene:
    """A canvas with a seeded generator; coordinates run 0...1000 across and 0...(1000 * height / width) down."""

    def __init__(self, name, width, height):
        self.random = np.random.default_rng(zlib.crc32(name.encode()))
        self.size = (width, height)
        self.w, self.h = width * SUPERSAMPLING, height * SUPERSAMPLING
        self.unit = self.w / 1000
        self.bottom = 1000 * height / width
        self.image = Image.new("RGB", (self.w, self.h), "white")

    def texture(self, coarse=4, octaves=5, stretch=1.0):
        """Smooth noise of 0...1 over the canvas."""
        total = np.zeros((self.h, self.w), np.float32)
        weight = 1.0
        for octave in range(octaves):
            cells = coarse * 2**octave
            grid = self.random.random((max(2, int(cells * stretch)), cells)).astype(np.float32)
            layer = Image.fromarray(grid).resize((self.w, self.h), Image.Resampling.BICUBIC)
            total += weight * np.asarray(layer)
            weight /= 2
        return (total - total.min()) / (total.max() - total.min())

    def gradient(self, top, bottom, start=0, end=None):
        """Fills rows from `start` to `end` with a vertical gradient."""
        a, b = int(start * self.unit), int((self.bottom if end is None else end) * self.unit)
        ramp = np.linspace(0, 1, max(1, b - a))[:, None, None]
        rows = np.array(top) * (1 - ramp) + np.array(bottom) * ramp
        band = np.repeat(rows, self.w, 1).astype(np.uint8)
        self.image.paste(Image.fromarray(band), (0, a))

    def grain(self, amount, start=0, end=None, coarse=8, octaves=5, stretch=1.0):
        """Lightens and darkens rows by a texture."""
        a, b = int(start * self.unit), int((self.bottom if end is None else end) * self.unit)
        pixels = np.asarray(self.image).astype(np.float32)
        shade = (self.texture(coarse, octaves, stretch) - 0.5)[..., None] * 2 * amount
        pixels[a:b] += shade[a:b]
        self.image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))

    def clouds(self, end, amount=0.8, color=(255, 255, 255)):
        """Blends clouds over the upper rows."""
        cover = np.clip((self.texture(3, 6, 2.5) - 0.5) * 3, 0, 1) * amount
        fade = np.clip(1 - np.arange(self.h) / (end * self.unit), 0, 1)[:, None]
        alpha = (cover * fade)[..., None]
        pixels = np.asarray(self.image) * (1 - alpha) + np.array(color) * alpha
        self.image = Image.fromarray(pixels.astype(np.uint8))

    def points(self, xy):
        return [(x * self.unit, y * self.unit) for x, y in xy]

    def polygon(self, xy, color):
        ImageDraw.Draw(self.image).polygon(self.points(xy), fill=color)

    def line(self, xy, color, width=4):
        ImageDraw.Draw(self.image).line(self.points(xy), fill=color, width=max(1, int(width * self.unit)), joint="curve")

    def box(self, x0, y0, x1, y1, color, radius=0):
        (a, b), (c, d) = self.points([(x0, y0), (x1, y1)])
        ImageDraw.Draw(self.image).rounded_rectangle((a, b, c, d), radius * self.unit, fill=color)

    def oval(self, x, y, rx, ry=None, color="black"):
        ry = rx if ry is None else ry
        (a, b), (c, d) = self.points([(x - rx, y - ry), (x + rx, y + ry)])
        ImageDraw.Draw(self.image).ellipse((a, b, c, d), fill=color)

    def ring(self, x, y, r, color, width):
        (a, b), (c, d) = self.points([(x - r, y - r), (x + r, y + r)])
        ImageDraw.Draw(self.image).ellipse((a, b, c, d), outline=color, width=max(1, int(width * self.unit)))

    def arc(self, x, y, rx, ry, start, end, color, width):
        (a, b), (c, d) = self.points([(x - rx, y - ry), (x + rx, y + ry)])
        ImageDraw.Draw(self.image).arc((a, b, c, d), start, end, fill=color, width=max(1, int(width * self.unit)))

    def glow(self, x, y, radius, color, strength=1.0):
        """Adds light around a point."""
        yy, xx = np.mgrid[0 : self.h, 0 : self.w] / self.unit
        light = strength * np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / (2 * radius**2))[..., None]
        pixels = np.asarray(self.image) * (1 - np.clip(light, 0, 1)) + np.array(color) * np.clip(light, 0, 1)
        self.image = Image.fromarray(pixels.astype(np.uint8))

    def shadow(self, x, y, rx, ry, strength=110):
        """Darkens a soft oval on the ground."""
        mask = Image.new("L", self.image.size, 0)
        (a, b), (c, d) = self.points([(x - rx, y - ry), (x + rx, y + ry)])
        ImageDraw.Draw(mask).ellipse((a, b, c, d), fill=strength)
        mask = mask.filter(ImageFilter.GaussianBlur(ry * self.unit * 0.6))
        self.image.paste(Image.new("RGB", self.image.size, (20, 20, 25)), (0, 0), mask)

    def shade(self, x, y, rx, ry, base):
        """A round body lit from the upper left."""
        steps = 36
        for step in range(steps):
            t = step / steps
            light = 0.55 + 0.6 * t
            color = tuple(int(min(255, c * light + 40 * max(0, t - 0.8) * 5)) for c in base)
            self.oval(x - rx * 0.35 * t, y - ry * 0.35 * t, rx * (1 - t * 0.97), ry * (1 - t * 0.97), color)

    def ridge(self, y, height, color, coarse=6, octaves=5):
        """A line of hills or mountains, filled to the bottom."""
        xs = np.linspace(0, 1000, 240)
        profile = np.zeros_like(xs)
        for octave in range(octaves):
            knots = self.random.random(coarse * 2**octave + 2)
            profile += np.interp(xs, np.linspace(0, 1000, len(knots)), knots) / 2**octave
        profile = (profile - profile.min()) / np.ptp(profile)
        outline = list(zip(xs, y - height * profile))
        self.polygon(outline + [(1000, self.bottom), (0, self.bottom)], color)
        return lambda x: float(np.interp(x, xs, y - height * profile))

    def tree(self, x, y, size, leaf, trunk=(94, 66, 44)):
        self.box(x - size * 0.06, y - size * 0.45, x + size * 0.06, y, trunk)
        for _ in range(26):
            angle, reach = self.random.random() * 2 * math.pi, self.random.random() ** 0.5 * size * 0.3
            tone = 0.75 + 0.5 * self.random.random()
            color = tuple(int(min(255, c * tone)) for c in leaf)
            self.oval(
                x + math.cos(angle) * reach, y - size * 0.68 + math.sin(angle) * reach, size * 0.13, color=color)

    def fir(self, x, y, size, color):
        self.box(x - size * 0.04, y - size * 0.15, x + size * 0.04, y, (84, 60, 44))
        for level in range(4):
            top, half = y - size * (0.4 + 0.2 * level), size * (0.32 - 0.06 * level)
            tone = 0.8 + 0.12 * level
            self.polygon(
                [(x, top - size * 0.1), (x - half, top + size * 0.25), (x + half, top + size * 0.25)],
                tuple(int(min(255, c * tone)) for c in color))

    def text(self, x, y, text, size, color="black"):
        font = ImageFont.load_default(size * self.unit)
        ImageDraw.Draw(self.image).text((x * self.unit, y * self.unit), text, fill=color, font=font)

    def finish(self, noise=3.0):
        """The picture at its final size, with a sensor's noise and a lens's dark corners."""
        image = self.image.resize(self.size, Image.Resampling.LANCZOS)
        pixels = np.asarray(image).astype(np.float32)
        if noise > 0:
            height, width = pixels.shape[:2]
            yy, xx = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
            pixels *= (1 - 0.10 * (xx**2 + yy**2))[..., None]
            pixels += self.random.normal(0, noise, pixels.shape)
        return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


# --- places -----------------------------------------------------------------------------------------------------


def sunset_beach(s):
    s.gradient((60, 50, 110), (255, 150, 70), 0, 380)
    s.glow(640, 350, 190, (255, 190, 90), 0.9)
    s.clouds(330, 0.6, (255, 140, 120))
    s.oval(640, 345, 55, color=(255, 235, 170))
    s.gradient((190, 100, 80), (40, 50, 90), 380, 560)
    for _ in range(130):
        x, y = s.random.normal(640, 60), 385 + 170 * s.random.random()
        s.line([(x - 25, y), (x + 25, y)], (255, 190, 110), 3)
    s.gradient((170, 125, 85), (215, 170, 115), 555)
    s.grain(14, 555, coarse=60, octaves=3)
    for x, lean in ((150, 60), (215, 95)):
        top = (x + lean, 230 + 60 * (x > 200))
        s.line([(x, 620), (x + lean * 0.4, 430), top], (35, 25, 25), 14)
        for angle in range(0, 360, 40):
            a = math.radians(angle)
            tip = (top[0] + 120 * math.cos(a), top[1] + 45 + 65 * math.sin(a))
            s.polygon([top, ((top[0] + tip[0]) / 2, (top[1] + tip[1]) / 2 - 34), tip], (25, 35, 25))


def mountain_lake(s):
    s.gradient((70, 130, 210), (200, 225, 245), 0, 400)
    s.clouds(260)
    s.ridge(400, 300, (110, 125, 150), 5, 6)
    edge = s.ridge(410, 200, (70, 90, 110), 6, 6)
    for x in range(0, 1000, 3):
        y = edge(x)
        if y < 320:
            s.line([(x, y), (x, y + (320 - y) * 0.7)], (238, 243, 250), 4)
    s.ridge(425, 60, (40, 75, 50), 30, 3)
    top = s.image.crop((0, 0, s.w, int(425 * s.unit))).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    top = top.filter(ImageFilter.GaussianBlur(4)).resize((s.w, s.h - int(425 * s.unit)))
    s.image.paste(Image.blend(top, Image.new("RGB", top.size, (30, 80, 120)), 0.4), (0, int(425 * s.unit)))
    s.grain(10, 425, coarse=10, octaves=5, stretch=6)


def green_hills(s):
    s.gradient((90, 160, 235), (215, 235, 250), 0, 420)
    s.clouds(330)
    for y, height, color in ((400, 90, (130, 175, 120)), (470, 110, (100, 165, 80)), (560, 100, (75, 145, 55))):
        edge = s.ridge(y, height, color, 3, 3)
        for _ in range(7):
            x = 1000 * s.random.random()
            s.tree(x, edge(x) + 12, 70 + (y - 400) * 0.4, (50, 110, 45))
    s.grain(12, 330, coarse=40, octaves=4)


def winter_forest(s):
    s.gradient((150, 175, 205), (232, 238, 245), 0, 450)
    for row, (y, size, tone) in enumerate(((400, 170, 130), (450, 240, 95), (520, 330, 60))):
        for x in range(-20, 1040, 70 + 15 * row):
            px = x + s.random.normal(0, 14)
            s.fir(px, y, size, (tone * 0.7, tone, tone * 0.85))
            s.polygon([(px, y - size), (px - size * 0.1, y - size * 0.8), (px + size * 0.1, y - size * 0.8)], "white")
        s.gradient((235, 240, 248), (225, 232, 244), y - 8)
    for _ in range(420):
        s.oval(1000 * s.random.random(), s.bottom * s.random.random(), 1.5 + 2 * s.random.random(), color="white")


def night_city(s):
    s.gradient((8, 10, 35), (60, 45, 85))
    for _ in range(150):
        s.oval(1000 * s.random.random(), 300 * s.random.random(), 1.2, color=(220, 225, 255))
    s.oval(820, 110, 45, color=(245, 240, 215))
    for layer, tone in ((0, 32), (1, 18)):
        x = -20
        while x < 1000:
            width, top = 60 + 70 * s.random.random(), 230 + 90 * layer + 170 * s.random.random()
            s.box(x, top, x + width, s.bottom, (tone, tone, tone + 14))
            for wy in np.arange(top + 14, s.bottom - 30, 24):
                for wx in np.arange(x + 9, x + width - 12, 18):
                    if s.random.random() < 0.45:
                        s.box(wx, wy, wx + 9, wy + 12, (255, 215, 120) if s.random.random() < 0.8 else (190, 220, 255))
            x += width + 6


def desert_dunes(s):
    s.gradient((80, 150, 220), (250, 225, 180), 0, 380)
    s.oval(200, 110, 40, color=(255, 250, 225))
    for y, height, color in ((350, 70, (226, 178, 110)), (440, 110, (212, 158, 92)), (560, 150, (190, 132, 72))):
        s.ridge(y, height, color, 2, 2)
    s.grain(16, 300, coarse=6, octaves=6, stretch=9)
    for x in (640, 700):
        s.line([(x, 430), (x, 350)], (70, 110, 60), 18)
        s.line([(x - 26, 375), (x - 26, 395), (x, 400)], (70, 110, 60), 11)


def country_house(s):
    s.gradient((120, 180, 240), (225, 238, 250), 0, 400)
    s.clouds(280)
    s.gradient((110, 165, 75), (70, 125, 50), 400)
    s.grain(14, 400, coarse=50, octaves=4)
    s.tree(150, 450, 300, (60, 125, 55))
    s.tree(880, 440, 240, (70, 135, 55))
    s.box(330, 290, 700, 480, (236, 226, 200))
    s.polygon([(300, 295), (515, 160), (730, 295)], (160, 62, 48))
    s.box(600, 175, 645, 260, (140, 80, 65))
    s.box(480, 380, 550, 480, (96, 62, 40))
    for x in (375, 605):
        s.box(x, 340, x + 60, 400, (110, 160, 200))
        s.line([(x + 30, 340), (x + 30, 400)], "white", 4)
        s.line([(x, 370), (x + 60, 370)], "white", 4)
    s.polygon([(490, 480), (540, 480), (640, s.bottom), (420, s.bottom)], (190, 175, 150))


def lighthouse(s):
    s.gradient((95, 160, 220), (220, 235, 245), 0, 430)
    s.clouds(300)
    s.gradient((50, 110, 160), (25, 70, 120), 430)
    s.grain(16, 430, coarse=9, octaves=5, stretch=6)
    s.polygon([(520, 470), (1000, 400), (1000, s.bottom), (430, s.bottom)], (95, 85, 78))
    for band in range(6):
        y = 440 - 50 * band
        a, b = 70 - band * 5, 65 - band * 5
        color = (205, 45, 45) if band % 2 else (245, 245, 240)
        s.polygon([(740 - a, y), (740 + a, y), (740 + b, y - 50), (740 - b, y - 50)], color)
    s.box(712, 100, 768, 140, (255, 240, 170))
    s.polygon([(700, 102), (740, 62), (780, 102)], (150, 35, 35))


def castle(s):
    s.gradient((170, 140, 190), (250, 215, 190), 0, 430)
    s.ridge(430, 160, (120, 105, 140), 5, 5)
    s.ridge(520, 90, (75, 95, 70), 3, 3)
    stone = (150, 145, 140)
    s.box(330, 280, 680, 500, stone)
    for x in (290, 640):
        s.box(x, 200, x + 90, 510, (165, 160, 155))
        s.polygon([(x - 12, 202), (x + 45, 100), (x + 102, 202)], (95, 70, 130))
    for x in range(380, 640, 44):
        s.box(x, 255, x + 24, 282, stone)
    s.box(470, 390, 540, 500, (70, 50, 40), 35)
    s.line([(335, 100), (335, 60)], (60, 40, 40), 4)
    s.polygon([(335, 60), (385, 74), (335, 88)], (205, 40, 50))
    s.grain(12, 200, coarse=60, octaves=3)


def rainbow(s):
    s.gradient((110, 130, 160), (190, 210, 225), 0, 540)
    s.clouds(400, 0.9, (150, 155, 165))
    colors = [(225, 60, 60), (240, 150, 50), (245, 230, 80), (90, 190, 90), (70, 120, 220), (130, 80, 190)]
    for i, color in enumerate(colors):
        s.arc(500, 520, 430 - 18 * i, 430 - 18 * i, 180, 360, color, 19)
    s.ridge(520, 60, (95, 160, 70), 3, 3)
    s.grain(12, 460, coarse=50, octaves=4)
    s.tree(230, 560, 200, (55, 120, 50))


def moon_night(s):
    s.gradient((5, 8, 30), (30, 45, 90), 0, 480)
    for _ in range(240):
        s.oval(1000 * s.random.random(), 460 * s.random.random(), 0.8 + s.random.random(), color=(225, 230, 255))
    s.glow(330, 190, 150, (150, 165, 210), 0.55)
    s.shade(330, 190, 95, 95, (225, 222, 205))
    for x, y, r in ((300, 160, 18), (360, 215, 24), (335, 235, 12), (375, 160, 10)):
        s.oval(x, y, r, color=(190, 186, 170))
    s.gradient((20, 35, 75), (6, 10, 28), 480)
    for _ in range(110):
        x, y = s.random.normal(330, 45), 485 + 170 * s.random.random()
        s.line([(x - 20, y), (x + 20, y)], (165, 175, 205), 2.5)


def hot_air_balloons(s):
    s.gradient((110, 175, 240), (250, 225, 205))
    s.clouds(500, 0.7)
    s.ridge(660, 120, (120, 140, 110), 4, 4)
    palette = [(220, 60, 60), (245, 190, 60), (70, 130, 210), (120, 180, 90)]
    for i, (x, y, r) in enumerate(((300, 220, 120), (640, 150, 80), (800, 330, 60), (520, 400, 45))):
        for stripe in range(5):
            s.oval(x, y, r * (1 - stripe * 0.22), r * 1.12, palette[(i + stripe) % 4])
        s.polygon([(x - r * 0.5, y + r), (x + r * 0.5, y + r), (x, y + r * 1.5)], palette[i])
        s.box(x - r * 0.16, y + r * 1.5, x + r * 0.16, y + r * 1.72, (120, 85, 50))


# --- things -----------------------------------------------------------------------------------------------------


def car(s, body):
    s.gradient((150, 195, 235), (225, 232, 238), 0, 330)
    s.ridge(340, 90, (140, 165, 130), 5, 4)
    s.gradient((120, 120, 125), (85, 85, 90), 340)
    s.grain(8, 340, coarse=70, octaves=3)
    for x in range(20, 1000, 190):
        s.box(x, 590, x + 100, 602, (235, 230, 215))
    s.shadow(500, 520, 330, 30, 170)
    dark = tuple(int(c * 0.7) for c in body)
    s.polygon([(330, 375), (420, 285), (640, 285), (735, 375)], dark)
    s.polygon([(365, 372), (432, 303), (525, 303), (525, 372)], (175, 205, 225))
    s.polygon([(545, 303), (630, 303), (695, 372), (545, 372)], (175, 205, 225))
    s.box(190, 370, 820, 490, body, 45)
    s.box(190, 440, 820, 492, dark, 20)
    s.oval(800, 415, 16, 20, (255, 245, 200))
    s.oval(207, 415, 12, 20, (200, 30, 30))
    s.box(560, 395, 605, 403, (230, 230, 230))
    for x in (325, 690):
        s.oval(x, 492, 66, color=(25, 25, 28))
        s.oval(x, 492, 36, color=(190, 192, 198))
        s.oval(x, 492, 12, color=(90, 90, 95))


def red_car(s):
    car(s, (205, 35, 40))


def blue_car(s):
    car(s, (45, 90, 190))


def sailing_boat(s):
    s.gradient((100, 175, 240), (225, 240, 250), 0, 400)
    s.clouds(300)
    s.gradient((45, 120, 175), (20, 65, 120), 400)
    s.grain(18, 400, coarse=9, octaves=6, stretch=6)
    s.line([(510, 480), (510, 90)], (110, 80, 55), 9)
    s.polygon([(520, 100), (520, 430), (760, 430)], (250, 248, 240))
    s.polygon([(500, 130), (500, 430), (330, 430)], (225, 60, 55))
    s.polygon([(280, 455), (780, 455), (700, 540), (360, 540)], (240, 240, 240))
    s.polygon([(280, 455), (780, 455), (768, 472), (292, 472)], (40, 60, 110))


def table(s, color=(150, 105, 70), wall=(225, 215, 200)):
    s.gradient(wall, tuple(int(c * 0.9) for c in wall), 0, 400)
    s.gradient(color, tuple(int(c * 0.8) for c in color), 400)
    s.grain(16, 400, coarse=3, octaves=7, stretch=14)


def red_apple(s):
    table(s)
    s.shadow(500, 560, 210, 40, 190)
    s.shade(460, 400, 150, 165, (200, 30, 35))
    s.shade(560, 400, 145, 160, (205, 35, 35))
    s.line([(510, 250), (525, 180)], (90, 60, 35), 12)
    s.polygon([(525, 205), (610, 150), (640, 195), (560, 225)], (80, 150, 60))


def green_pears(s):
    table(s, (180, 160, 140), (205, 220, 225))
    for x, scale in ((360, 1.0), (620, 0.9)):
        s.shadow(x, 560, 150 * scale, 34, 170)
        s.shade(x, 460, 120 * scale, 115 * scale, (150, 185, 60))
        s.shade(x, 340, 70 * scale, 95 * scale, (160, 190, 70))
        s.line([(x, 260), (x + 18, 200)], (90, 65, 40), 10)


def bananas(s):
    table(s, (95, 85, 90), (235, 225, 205))
    s.shadow(500, 545, 300, 35, 170)
    for i in range(3):
        s.arc(500 + 20 * i, 180 + 26 * i, 300, 330, 25, 150, (250 - 14 * i, 215 - 16 * i, 60), 80)
    s.box(745, 300, 790, 360, (110, 85, 40), 10)


def oranges_in_a_bowl(s):
    table(s, (120, 80, 60), (190, 205, 195))
    for x, y in ((380, 330), (500, 300), (620, 330), (440, 390), (560, 390)):
        s.shade(x, y, 80, 80, (240, 140, 30))
    s.shadow(500, 590, 230, 30, 180)
    s.polygon([(250, 390), (750, 390), (640, 560), (360, 560)], (70, 110, 170))
    s.box(240, 380, 760, 402, (95, 135, 190), 10)
    s.box(420, 555, 580, 585, (60, 95, 150), 8)


def cat(s, fur, eyes, wall, floor):
    s.gradient(wall, tuple(int(c * 0.85) for c in wall), 0, 520)
    s.gradient(floor, tuple(int(c * 0.8) for c in floor), 520)
    s.grain(10, 520, coarse=30, octaves=4)
    s.shadow(500, 640, 250, 30, 160)
    dark = tuple(int(c * 0.75) for c in fur)
    s.arc(660, 520, 130, 120, 270, 80, dark, 40)
    s.shade(500, 510, 165, 150, fur)
    s.polygon([(365, 250), (375, 105), (470, 190)], fur)
    s.polygon([(635, 250), (625, 105), (530, 190)], fur)
    s.polygon([(388, 215), (390, 140), (440, 188)], (235, 170, 165))
    s.polygon([(612, 215), (610, 140), (560, 188)], (235, 170, 165))
    s.shade(500, 285, 150, 125, fur)
    for i in (-1, 0, 1):
        s.line([(500 + 28 * i, 178), (500 + 20 * i, 215)], dark, 9)
    for x in (445, 555):
        s.oval(x, 270, 27, 24, eyes)
        s.oval(x, 270, 8, 21, (15, 15, 15))
        s.oval(x - 7, 262, 5, color="white")
    s.polygon([(486, 312), (514, 312), (500, 328)], (225, 130, 135))
    s.arc(486, 330, 16, 14, 0, 170, dark, 4)
    s.arc(514, 330, 16, 14, 10, 180, dark, 4)
    for side in (-1, 1):
        for dy in (-12, 0, 14):
            s.line([(500 + side * 35, 325 + dy / 3), (500 + side * 190, 318 + dy * 2)], (245, 245, 245), 2.5)
    for x in (440, 560):
        s.oval(x, 630, 46, 28, fur)


def orange_cat(s):
    cat(s, (225, 145, 65), (130, 190, 70), (190, 205, 220), (150, 115, 90))


def black_cat(s):
    cat(s, (48, 46, 52), (235, 200, 70), (225, 205, 170), (120, 60, 60))


def brown_dog(s):
    s.gradient((150, 195, 235), (220, 232, 240), 0, 330)
    s.gradient((125, 175, 85), (80, 130, 55), 330)
    s.grain(16, 330, coarse=60, octaves=4)
    fur, dark = (150, 98, 58), (98, 62, 38)
    s.shadow(500, 630, 230, 30, 170)
    s.shade(500, 520, 150, 130, fur)
    s.shade(500, 290, 140, 140, fur)
    s.oval(362, 290, 48, 120, dark)
    s.oval(638, 290, 48, 120, dark)
    s.shade(500, 360, 82, 66, (215, 180, 140))
    s.oval(500, 330, 34, 24, (25, 20, 20))
    for x in (445, 555):
        s.oval(x, 255, 20, 22, (30, 22, 18))
        s.oval(x - 6, 248, 6, color="white")
    s.polygon([(485, 400), (515, 400), (512, 450), (488, 450)], (230, 110, 120))
    for x in (435, 565):
        s.oval(x, 630, 50, 28, fur)


def sunflower(s):
    s.gradient((120, 185, 240), (205, 228, 245), 0, 480)
    s.gradient((110, 155, 70), (70, 115, 45), 480)
    s.grain(14, 480, coarse=40, octaves=4)
    s.line([(500, 300), (510, s.bottom)], (75, 125, 50), 22)
    s.polygon([(505, 520), (640, 450), (680, 500), (560, 560)], (85, 145, 60))
    for ring, tone in ((205, 235), (180, 250)):
        for i in range(22):
            a = 2 * math.pi * (i + (ring < 200) * 0.5) / 22
            tip = (500 + ring * math.cos(a), 290 + ring * math.sin(a))
            left = (500 + 120 * math.cos(a - 0.16), 290 + 120 * math.sin(a - 0.16))
            right = (500 + 120 * math.cos(a + 0.16), 290 + 120 * math.sin(a + 0.16))
            s.polygon([(500, 290), left, tip, right], (tone, int(tone * 0.78), 35))
    s.shade(500, 290, 98, 98, (95, 60, 35))
    for i in range(160):
        r, a = 88 * math.sqrt(i / 160), i * 2.39996
        s.oval(500 + r * math.cos(a), 290 + r * math.sin(a), 3.5, color=(55, 32, 20))


def red_tulips(s):
    s.gradient((190, 215, 235), (225, 235, 225), 0, 400)
    s.gradient((105, 155, 80), (60, 105, 45), 400)
    for x, y in ((200, 330), (340, 260), (480, 340), (620, 250), (770, 320), (890, 280)):
        s.line([(x, y), (x + 8, s.bottom)], (70, 125, 55), 13)
        s.polygon([(x + 5, s.bottom), (x + 60, y + 150), (x + 22, s.bottom)], (85, 145, 70))
        tone = int(190 + 50 * s.random.random())
        s.oval(x, y, 52, 74, (tone, 30, 45))
        s.polygon([(x - 52, y - 6), (x - 44, y - 96), (x, y - 40)], (tone, 40, 55))
        s.polygon([(x + 52, y - 6), (x + 44, y - 96), (x, y - 40)], (tone, 40, 55))
        s.oval(x, y - 20, 26, 62, (int(tone * 0.82), 20, 35))


def butterfly(s):
    s.gradient((165, 205, 140), (95, 150, 90))
    s.grain(25, 0, coarse=5, octaves=3)
    for side in (-1, 1):
        s.polygon([(500, 300), (500 + side * 260, 110), (500 + side * 300, 270), (500 + side * 90, 350)], (225, 120, 30))
        s.polygon([(500, 330), (500 + side * 230, 360), (500 + side * 180, 520), (500 + side * 40, 430)], (240, 160, 50))
        s.line([(500, 300), (500 + side * 260, 110), (500 + side * 300, 270), (500 + side * 90, 350)], (25, 20, 20), 13)
        s.line([(500, 330), (500 + side * 230, 360), (500 + side * 180, 520), (500 + side * 40, 430)], (25, 20, 20), 11)
        s.oval(500 + side * 215, 215, 32, color=(30, 22, 20))
        s.oval(500 + side * 215, 215, 15, color=(250, 235, 200))
        s.line([(500, 230), (500 + side * 60, 140)], (25, 20, 20), 5)
    s.oval(500, 340, 18, 120, (30, 24, 22))


def goldfish(s):
    s.gradient((70, 150, 190), (20, 80, 130))
    s.grain(18, 0, coarse=4, octaves=4, stretch=2)
    for x, y, r in ((200, 150, 14), (230, 100, 20), (260, 40, 26), (820, 220, 16), (800, 160, 12)):
        s.ring(x, y, r, (215, 235, 245), 3)
    s.polygon([(650, 330), (880, 200), (830, 340), (890, 480)], (240, 120, 30))
    s.shade(470, 335, 230, 135, (245, 140, 35))
    s.polygon([(400, 210), (520, 130), (600, 225)], (235, 110, 30))
    s.polygon([(460, 400), (560, 510), (400, 460)], (235, 110, 30))
    s.oval(330, 305, 24, color="white")
    s.oval(326, 305, 12, color="black")
    for row in range(4):
        for column in range(5):
            s.arc(440 + 45 * column, 280 + 34 * row, 24, 22, 270, 90, (215, 100, 20), 3)
    for x in (60, 130, 930):
        s.line([(x, s.bottom), (x + 22, 520), (x - 12, 420)], (40, 120, 70), 13)


def coffee_cup(s):
    table(s, (110, 75, 50), (205, 190, 175))
    s.shadow(480, 590, 260, 36, 190)
    s.oval(480, 575, 270, 46, (238, 236, 232))
    s.ring(700, 420, 85, (240, 238, 235), 26)
    s.polygon([(290, 320), (690, 320), (630, 570), (350, 570)], (245, 243, 240))
    s.oval(480, 320, 200, 56, (228, 225, 220))
    s.oval(480, 325, 180, 46, (70, 42, 26))
    for x in (420, 490, 560):
        s.line([(x, 250), (x + 22, 200), (x - 8, 150), (x + 18, 95)], (235, 228, 220), 8)


def bicycle(s):
    s.gradient((215, 205, 190), (200, 188, 170), 0, 520)
    for y in range(20, 520, 44):
        s.line([(0, y), (1000, y)], (185, 168, 148), 3)
        for x in range(0 if (y // 44) % 2 else 45, 1000, 90):
            s.line([(x, y), (x, y + 44)], (185, 168, 148), 3)
    s.gradient((135, 130, 128), (110, 106, 104), 520)
    frame = (35, 120, 110)
    for x in (270, 730):
        s.ring(x, 440, 140, (30, 30, 32), 15)
        s.ring(x, 440, 122, (180, 182, 186), 5)
        for spoke in range(0, 180, 15):
            a = math.radians(spoke)
            s.line([(x - 120 * math.cos(a), 440 - 120 * math.sin(a)), (x + 120 * math.cos(a), 440 + 120 * math.sin(a))], (170, 172, 176), 1.5)
    s.line([(270, 440), (400, 250), (650, 250), (480, 440), (270, 440)], frame, 15)
    s.line([(400, 250), (480, 440)], frame, 15)
    s.line([(385, 215), (400, 250)], frame, 12)
    s.line([(640, 200), (730, 440)], frame, 14)
    s.box(330, 198, 440, 218, (40, 35, 32), 10)
    s.line([(640, 200), (700, 175), (720, 200)], (40, 40, 42), 13)
    s.ring(480, 440, 32, (60, 60, 64), 8)


def wall_clock(s):
    s.gradient((150, 175, 170), (125, 150, 148))
    s.grain(8, 0, coarse=30, octaves=4)
    s.shadow(515, 350, 265, 265, 120)
    s.oval(500, 333, 265, color=(85, 60, 42))
    s.oval(500, 333, 238, color=(250, 248, 240))
    for hour in range(60):
        a = math.radians(6 * hour)
        inner = 195 if hour % 5 == 0 else 215
        s.line([(500 + inner * math.sin(a), 333 - inner * math.cos(a)), (500 + 228 * math.sin(a), 333 - 228 * math.cos(a))], (40, 40, 40), 8 if hour % 5 == 0 else 3)
    s.line([(500, 333), (400, 240)], (25, 25, 28), 14)
    s.line([(500, 333), (620, 220)], (25, 25, 28), 9)
    s.line([(500, 370), (500, 150)], (200, 40, 40), 4)
    s.oval(500, 333, 14, color=(25, 25, 28))


def chessboard(s):
    s.gradient((90, 70, 58), (70, 54, 45))
    for row in range(8):
        for column in range(8):
            def corner(c, r):
                depth = r / 8
                return (500 + (c - 4) * (70 + 45 * depth), 130 + 470 * depth)
            color = (238, 222, 190) if (row + column) % 2 == 0 else (120, 78, 52)
            s.polygon([corner(column, row), corner(column + 1, row), corner(column + 1, row + 1), corner(column, row + 1)], color)
    for x, y, color in ((300, 230, (40, 34, 32)), (450, 260, (40, 34, 32)), (640, 230, (40, 34, 32)), (360, 470, (242, 238, 228)), (560, 500, (242, 238, 228)), (700, 460, (242, 238, 228))):
        s.shadow(x, y + 40, 42, 12, 150)
        s.polygon([(x - 30, y + 40), (x + 30, y + 40), (x + 12, y - 30), (x - 12, y - 30)], color)
        s.shade(x, y - 45, 22, 22, color)


def traffic_light(s):
    s.gradient((165, 185, 205), (215, 222, 228))
    s.clouds(600, 0.5)
    s.box(478, 500, 522, s.bottom, (70, 72, 76))
    s.box(400, 60, 600, 520, (38, 40, 44), 34)
    for y, color, lit in ((145, (235, 45, 40), True), (290, (90, 75, 25), False), (435, (25, 80, 40), False)):
        if lit:
            s.glow(500, y, 90, (255, 90, 70), 0.5)
        s.oval(500, y, 58, color=color)
        s.arc(500, y, 64, 64, 190, 350, (18, 18, 20), 16)


def rocket(s):
    s.gradient((12, 16, 50), (60, 70, 130))
    for _ in range(200):
        s.oval(1000 * s.random.random(), s.bottom * s.random.random(), 1 + s.random.random(), color=(230, 235, 255))
    s.shade(170, 520, 130, 130, (190, 120, 80))
    s.glow(500, 600, 90, (255, 170, 60), 0.9)
    s.polygon([(450, 500), (550, 500), (500, 690)], (255, 190, 60))
    s.polygon([(470, 500), (530, 500), (500, 610)], (255, 245, 190))
    s.polygon([(420, 400), (340, 520), (430, 490)], (205, 50, 50))
    s.polygon([(580, 400), (660, 520), (570, 490)], (205, 50, 50))
    s.box(420, 220, 580, 500, (232, 234, 240), 30)
    s.polygon([(420, 240), (500, 60), (580, 240)], (205, 50, 50))
    s.oval(500, 310, 46, color=(60, 70, 90))
    s.oval(500, 310, 34, color=(140, 200, 235))


def snowman(s):
    s.gradient((140, 175, 220), (215, 228, 242), 0, 460)
    s.ridge(470, 90, (190, 205, 225), 4, 4)
    s.gradient((245, 248, 252), (222, 230, 242), 470)
    s.shadow(500, 630, 190, 30, 90)
    for y, r in ((520, 130), (340, 95), (205, 68)):
        s.shade(500, y, r, r, (238, 241, 246))
    s.box(440, 60, 560, 148, (30, 30, 34), 6)
    s.box(405, 140, 595, 160, (30, 30, 34), 6)
    s.box(440, 118, 560, 138, (190, 40, 45))
    s.polygon([(500, 200), (585, 218), (500, 224)], (240, 130, 40))
    for x in (475, 525):
        s.oval(x, 185, 9, color=(20, 20, 24))
    for y in (310, 350, 390):
        s.oval(500, y, 10, color=(20, 20, 24))
    s.line([(410, 330), (270, 260)], (95, 65, 45), 9)
    s.line([(590, 330), (730, 250)], (95, 65, 45), 9)
    for _ in range(230):
        s.oval(1000 * s.random.random(), s.bottom * s.random.random(), 2.5, color="white")


def bookshelf(s):
    s.gradient((120, 85, 58), (105, 72, 48))
    s.grain(12, 0, coarse=3, octaves=7, stretch=10)
    palette = [(170, 50, 45), (50, 90, 140), (60, 120, 80), (200, 160, 70), (110, 70, 120), (225, 215, 195), (60, 60, 66)]
    for shelf in range(3):
        base = 210 + 215 * shelf
        s.box(20, base - 190, 980, base, (62, 42, 30))
        x = 34
        while x < 930:
            width, height = 24 + 34 * s.random.random(), 120 + 58 * s.random.random()
            color = palette[s.random.integers(len(palette))]
            s.box(x, base - height, x + width, base, color)
            s.box(x + 5, base - height + 24, x + width - 5, base - height + 34, (235, 220, 170))
            x += width + 3
        s.box(0, base, 1000, base + 22, (150, 110, 76))


def guitar(s):
    table(s, (200, 185, 160), (75, 60, 70))
    s.shade(430, 470, 190, 165, (190, 120, 55))
    s.shade(500, 290, 130, 115, (190, 120, 55))
    s.oval(455, 400, 58, color=(45, 28, 20))
    s.polygon([(445, 400), (475, 410), (760, 60), (728, 36)], (70, 45, 30))
    s.polygon([(728, 36), (762, 62), (815, 0), (770, -30)], (50, 32, 24))
    s.polygon([(330, 520), (430, 590), (440, 570), (345, 502)], (50, 32, 24))
    for i in range(5):
        s.line([(365 + 12 * i, 525 + 7 * i), (735 + 6 * i, 45 + 4 * i)], (225, 222, 210), 1.6)


def umbrella_in_the_rain(s):
    s.gradient((105, 118, 135), (150, 160, 170))
    s.clouds(600, 0.5, (90, 98, 112))
    s.gradient((95, 102, 112), (70, 76, 88), 560)
    s.line([(500, 260), (500, 560)], (50, 45, 45), 11)
    s.arc(470, 560, 32, 32, 0, 180, (50, 45, 45), 11)
    s.oval(500, 290, 290, 200, (215, 170, 40))
    s.box(205, 290, 795, 495, (119, 129, 143))
    s.gradient((119, 130, 144), (140, 150, 160), 290, 560)
    s.line([(500, 270), (500, 560)], (50, 45, 45), 11)
    for x in (282, 428, 572, 718):
        s.oval(x, 292, 73, 30, (119, 130, 144))
    for x in (355, 500, 645):
        s.line([(500, 92), (x, 285)], (180, 138, 25), 4)
    for _ in range(330):
        x, y = 1000 * s.random.random(), s.bottom * s.random.random()
        s.line([(x, y), (x - 7, y + 26)], (195, 205, 218), 1.6)


# --- pages and patterns -------------------------------------------------------------------------------------------

WORDS = (
    "the picture of a quiet harbour in early light shows three boats and one gull on the wall while the town is still "
    "asleep nobody has yet opened a window and the water keeps every colour of the sky for itself until noon").split()


def paragraph(s, x, y, width, lines, size, color=(35, 35, 40)):
    for line in range(lines):
        text, limit = "", width * (0.6 if line == lines - 1 else 1)
        while len(text) * size * 0.5 < limit:
            text += WORDS[s.random.integers(len(WORDS))] + " "
        s.text(x, y + line * size * 1.5, text.strip(), size, color)


def letter_page(s):
    s.gradient((250, 248, 242), (240, 238, 230))
    s.text(90, 90, "Dear reader,", 44)
    for block in range(3):
        paragraph(s, 90, 190 + 310 * block, 760, 6, 30)
    s.text(90, 1180, "Yours, the author", 38)


def newspaper_page(s):
    s.gradient((236, 232, 222), (226, 222, 210))
    s.text(70, 40, "THE DAILY PIXEL", 96)
    s.box(60, 160, 940, 166, (40, 40, 40))
    s.text(70, 185, "Harbour wakes to rare colours", 54)
    for column in range(3):
        paragraph(s, 70 + 300 * column, 620 if column == 0 else 280, 235, 22 if column == 0 else 36, 17)
    s.box(70, 280, 330, 590, (120, 125, 130))
    s.shade(200, 430, 90, 90, (190, 190, 185))


def handwritten_note(s):
    s.gradient((252, 240, 170), (244, 228, 150))
    for i, text in enumerate(("To buy:", "- apples", "- coffee", "- cat food", "- a red umbrella")):
        s.text(110 + 8 * math.sin(i * 2), 70 + 108 * i, text, 68, (35, 55, 130))
    s.line([(110, 150), (340, 156)], (35, 55, 130), 5)


def bar_chart(s):
    s.gradient((255, 255, 255), (255, 255, 255))
    s.text(120, 30, "Pictures per year", 46)
    for i, value in enumerate((120, 180, 150, 260, 330, 410)):
        s.box(140 + 130 * i, 600 - value, 225 + 130 * i, 600, [(70, 120, 190), (230, 140, 60)][i % 2])
        s.text(150 + 130 * i, 612, str(2019 + i), 30)
    s.line([(110, 120), (110, 600), (950, 600)], (40, 40, 40), 5)


def blue_gradient(s):
    yy, xx = np.mgrid[0 : s.h, 0 : s.w]
    red, green = 255 * xx / s.w, 255 * yy / s.h
    s.image = Image.fromarray(np.stack([red * 0.3, green * 0.6, 255 - 0.4 * red], 2).astype(np.uint8))


def color_noise(s):
    width, height = s.size
    cells = s.random.integers(0, 256, (height // 4, width // 4, 3), np.uint8)
    s.image = Image.fromarray(cells).resize((s.w, s.h), Image.Resampling.NEAREST)


LANDSCAPE, SQUARE, PORTRAIT = (540, 360), (440, 440), (380, 540)

GALLERY = {
    "sunset-beach": (sunset_beach, LANDSCAPE), "mountain-lake": (mountain_lake, LANDSCAPE),
    "green-hills": (green_hills, LANDSCAPE), "winter-forest": (winter_forest, LANDSCAPE),
    "night-city": (night_city, LANDSCAPE), "desert-dunes": (desert_dunes, LANDSCAPE),
    "country-house": (country_house, LANDSCAPE), "lighthouse": (lighthouse, LANDSCAPE),
    "castle": (castle, LANDSCAPE), "rainbow": (rainbow, LANDSCAPE), "moon-night": (moon_night, LANDSCAPE),
    "hot-air-balloons": (hot_air_balloons, LANDSCAPE), "red-car": (red_car, LANDSCAPE),
    "blue-car": (blue_car, LANDSCAPE), "sailing-boat": (sailing_boat, LANDSCAPE), "red-apple": (red_apple, LANDSCAPE),
    "green-pears": (green_pears, LANDSCAPE), "bananas": (bananas, LANDSCAPE),
    "oranges-in-a-bowl": (oranges_in_a_bowl, LANDSCAPE), "orange-cat": (orange_cat, (480, 340)),
    "black-cat": (black_cat, (480, 340)), "brown-dog": (brown_dog, (480, 340)), "sunflower": (sunflower, (480, 340)),
    "red-tulips": (red_tulips, LANDSCAPE), "butterfly": (butterfly, LANDSCAPE), "goldfish": (goldfish, LANDSCAPE),
    "coffee-cup": (coffee_cup, LANDSCAPE), "bicycle": (bicycle, LANDSCAPE), "wall-clock": (wall_clock, LANDSCAPE),
    "chessboard": (chessboard, LANDSCAPE), "traffic-light": (traffic_light, (420, 440)), "rocket": (rocket, (480, 340)),
    "snowman": (snowman, (480, 320)), "bookshelf": (bookshelf, LANDSCAPE), "guitar": (guitar, LANDSCAPE),
    "umbrella-in-the-rain": (umbrella_in_the_rain, LANDSCAPE), "letter-page": (letter_page, PORTRAIT),
    "newspaper-page": (newspaper_page, PORTRAIT), "handwritten-note": (handwritten_note, (480, 340)),
    "bar-chart": (bar_chart, LANDSCAPE), "blue-gradient": (blue_gradient, LANDSCAPE),
    "color-noise": (color_noise, LANDSCAPE),
}

# Drawn, not photographed: no sensor noise.
CLEAN = {"bar-chart", "blue-gradient", "color-noise"}


def draw(name):
    """Draws a picture of the gallery."""
    function, (width, height) = GALLERY[name]
    scene = Scene(name, width, height)
    function(scene)
    return scene.finish(0.0 if name in CLEAN else 3.0)
