"""Draws the pictures that the starter learns from: collages of photos, textures and shapes."""

from __future__ import annotations

import io
import math
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

SIZE = 224
TEXTURES = 600
TEXTURE_SIZE = 256
PHOTO_FOLDERS = (
    "det-bccd-voc/JPEGImages",
    "seg-dsb2018-nuclei/images",
    "odd-exif-orientation",
    "odd-images-pillow",
)
RESAMPLE = Image.Resampling.BICUBIC


@dataclass
class Sources:
    """What a picture is put together from.

    Attributes:
        small: CIFAR-10 training photos, uint8, (n, 32, 32, 3).
        textures: Procedural textures, uint8, (n, 256, 256, 3).
        photos: Ordinary photos and micrographs of any size.
    """

    small: np.ndarray
    textures: np.ndarray
    photos: list[Image.Image]


def load_sources(data: Path, work: Path, seed: int) -> Sources:
    """Reads the photos and draws the textures, and keeps both in the work folder."""
    small, textures = work / "small.npy", work / "textures.npy"
    if not small.exists():
        np.save(small, read_small_photos(data / "cls-cifar10" / "cifar10.zip"))
    if not textures.exists():
        np.save(
            textures,
            np.stack([texture(np.random.default_rng((seed, 7, i))) for i in range(TEXTURES)]),
        )
    return Sources(
        np.load(small, mmap_mode="r"), np.load(textures, mmap_mode="r"), read_photos(data)
    )


def read_small_photos(path: Path) -> np.ndarray:
    """Decodes the 50,000 training photos of the CIFAR-10 zip; its test photos stay untouched."""
    with zipfile.ZipFile(path) as archive:
        names = sorted(
            n for n in archive.namelist() if n.startswith("train/") and n.endswith(".jpg")
        )
        return np.stack(
            [np.asarray(Image.open(io.BytesIO(archive.read(n))).convert("RGB")) for n in names]
        )


def read_photos(data: Path) -> list[Image.Image]:
    """Opens every permissively licensed picture large enough to crop, and scikit-learn's two."""
    from sklearn.datasets import load_sample_images

    photos = [Image.fromarray(picture) for picture in load_sample_images().images] * 8
    seen: set[bytes] = set()
    for folder in PHOTO_FOLDERS:
        for path in sorted((data / folder).glob("*")):
            photo = open_photo(path)
            # The odd pictures are one picture in many formats: a tiny copy tells them apart.
            if photo is None or (mark := photo.resize((4, 4)).tobytes()) in seen:
                continue
            seen.add(mark)
            photos.append(photo)
    return photos


def open_photo(path: Path) -> Image.Image | None:
    """Opens one file as RGB of at most 640 px, or says None when it is damaged, tiny or empty."""
    if path.suffix.lower() not in {".jpg", ".jpeg", ".png", ".webp", ".bmp"}:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            photo = Image.open(path).convert("RGB")
    except Exception:  # noqa: BLE001  (fuzzer files raise nearly anything)
        return None
    photo.thumbnail((640, 640))
    if min(photo.size) < 96 or np.asarray(photo.convert("L")).std() < 12:
        return None
    # Drawings of a few flat colours (rendered text, test charts) teach nothing about photos.
    if photo.getcolors(2000) is not None and "dsb2018" not in str(path):
        return None
    return photo


# --- textures ---------------------------------------------------------------------------------


def noise(rng: np.random.Generator, size: int = TEXTURE_SIZE) -> np.ndarray:
    """Fractal value noise between 0 and 1, smooth or rough by chance."""
    total, rough = np.zeros((size, size), np.float32), rng.uniform(0.35, 0.95)
    first = int(rng.integers(2, 6))
    stretch = rng.uniform(0.3, 1.0) if rng.random() < 0.3 else 1.0
    for octave in range(6):
        cells = first * 2**octave
        if cells > size:
            break
        grid = rng.standard_normal((cells, max(2, int(cells * stretch)))).astype(np.float32)
        total += rough**octave * np.asarray(Image.fromarray(grid).resize((size, size), RESAMPLE))
    total -= total.min()
    return total / max(float(total.max()), 1e-6)


def tint(rng: np.random.Generator) -> np.ndarray:
    """A random colour, mostly muted as in photos."""
    grey = rng.uniform(0, 255)
    return np.clip(grey + rng.normal(0, rng.choice([12.0, 35.0, 90.0]), 3), 0, 255)


def paint(field: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Colours a field of numbers between 0 and 1 with a random gradient."""
    stops = int(rng.integers(2, 6))
    colours = np.clip(tint(rng) + rng.normal(0, rng.uniform(10, 80), (stops, 3)), 0, 255)
    places = np.linspace(0, 1, stops)
    channels = [np.interp(field, places, colours[:, c]) for c in range(3)]
    return np.stack(channels, -1).astype(np.uint8)


def texture(rng: np.random.Generator) -> np.ndarray:
    """One texture: clouds, marble, stripes, checks, weave, dots or grain."""
    size = TEXTURE_SIZE
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    angle = rng.uniform(0, math.pi)
    warp = noise(rng) * rng.choice([0.0, 0.05, 0.3, 1.0])
    u = x * math.cos(angle) + y * math.sin(angle) + warp
    v = -x * math.sin(angle) + y * math.cos(angle) + warp
    rate, kind = rng.uniform(3, 45), rng.integers(7)
    if kind == 0:
        field = noise(rng)
    elif kind == 1:
        field = np.abs(2 * noise(rng) - 1) ** rng.uniform(0.4, 1.5)
    elif kind == 2:
        field = 0.5 + 0.5 * np.sin(2 * math.pi * rate * u)
    elif kind == 3:
        field = (
            0.5 + 0.25 * np.sign(np.sin(6.3 * rate * u)) + 0.25 * np.sign(np.sin(6.3 * rate * v))
        )
    elif kind == 4:
        field = (
            0.5
            + 0.25 * np.sin(6.3 * rate * u)
            + 0.25 * np.sin(6.3 * rate * rng.uniform(0.3, 2) * v)
        )
    elif kind == 5:
        field = (np.sin(6.3 * rate * u) * np.sin(6.3 * rate * v) > rng.uniform(0, 0.7)) * 0.8
    else:
        field = rng.random((size, size)) ** 2 * 0.5 + noise(rng) * 0.5
    field = np.clip(field + rng.uniform(0, 0.4) * (noise(rng) - 0.5), 0, 1)
    return paint(field, rng)


# --- parts of a picture ------------------------------------------------------------------------


def crop(
    photo: Image.Image, size: tuple[int, int], rng: np.random.Generator, low: float
) -> Image.Image:
    """Cuts a random part covering at least `low` of each side and resizes it."""
    w, h = photo.size
    part = rng.uniform(low, 1.0)
    cw, ch = max(8, int(w * part)), max(8, int(h * min(1.0, part * rng.uniform(0.8, 1.25))))
    left, top = int(rng.integers(0, w - cw + 1)), int(rng.integers(0, h - ch + 1))
    return photo.resize(size, RESAMPLE, box=(left, top, left + cw, top + ch))


def small_photo(size: tuple[int, int], sources: Sources, rng: np.random.Generator) -> Image.Image:
    """One CIFAR-10 photo, enlarged."""
    photo = Image.fromarray(sources.small[int(rng.integers(len(sources.small)))])
    return crop(photo, size, rng, 0.7)


def gradient(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """A plain, softly lit surface."""
    light = rng.normal(0, rng.uniform(3, 45), (2, 2, 1))
    corners = tint(rng) + light + rng.normal(0, rng.uniform(1, 20), (2, 2, 3))
    return Image.fromarray(np.clip(corners, 0, 255).astype(np.uint8)).resize(size, RESAMPLE)


def filling(size: tuple[int, int], sources: Sources, rng: np.random.Generator) -> Image.Image:
    """Something to fill a shape or a background with."""
    kind = rng.random()
    if kind < 0.4:
        return small_photo(size, sources, rng)
    if kind < 0.75:
        surface = Image.fromarray(sources.textures[int(rng.integers(len(sources.textures)))])
        return crop(surface, size, rng, 0.15)
    if kind < 0.85:
        return crop(sources.photos[int(rng.integers(len(sources.photos)))], size, rng, 0.15)
    return gradient(size, rng)


def outline(w: int, h: int, rng: np.random.Generator) -> Image.Image:
    """A mask of one random shape: ellipse, polygon, blob, box, ring or thick strokes."""
    mask = Image.new("L", (w, h))
    draw, kind = ImageDraw.Draw(mask), rng.integers(6)
    if kind == 0:
        draw.ellipse((0, 0, w - 1, h - 1), fill=255)
    elif kind in (1, 2):
        n = int(rng.integers(3, 9)) if kind == 1 else 40
        turn = (
            np.sort(rng.uniform(0, 2 * math.pi, n)) if kind == 1 else np.linspace(0, 2 * math.pi, n)
        )
        radius = np.full(n, 0.72)
        for wave in range(1, 6):
            radius += rng.normal(0, 0.28 / wave) * np.cos(wave * turn + rng.uniform(0, 6.3))
        radius = np.clip(radius, 0.15, 1) / 2
        points = np.stack(
            [(0.5 + radius * np.cos(turn)) * w, (0.5 + radius * np.sin(turn)) * h], -1
        )
        draw.polygon([tuple(p) for p in points], fill=255)
    elif kind == 3:
        draw.rounded_rectangle(
            (0, 0, w - 1, h - 1), radius=int(rng.uniform(0, min(w, h) / 2)), fill=255
        )
    elif kind == 4:
        draw.ellipse(
            (0, 0, w - 1, h - 1), outline=255, width=max(3, int(min(w, h) * rng.uniform(0.1, 0.4)))
        )
    else:
        strokes(draw, w, h, rng)
    return mask.filter(ImageFilter.GaussianBlur(0.7))


def strokes(draw: ImageDraw.ImageDraw, w: int, h: int, rng: np.random.Generator) -> None:
    """Draws thick round-ended limbs that leave one body."""
    cx, cy = w * rng.uniform(0.35, 0.65), h * rng.uniform(0.5, 0.75)
    body, thick = (
        min(w, h) * rng.uniform(0.1, 0.25),
        max(3, int(min(w, h) * rng.uniform(0.05, 0.16))),
    )
    draw.ellipse((cx - body, cy - body, cx + body, cy + body), fill=255)
    for _ in range(int(rng.integers(1, 7))):
        angle, length = rng.uniform(0, 2 * math.pi), min(w, h) * rng.uniform(0.25, 0.5)
        bend = angle + rng.normal(0, 0.5)
        mx, my = cx + length / 2 * math.cos(angle), cy + length / 2 * math.sin(angle)
        ex, ey = mx + length / 2 * math.cos(bend), my + length / 2 * math.sin(bend)
        draw.line((cx, cy, mx, my, ex, ey), fill=255, width=thick, joint="curve")
        draw.ellipse((ex - thick / 2, ey - thick / 2, ex + thick / 2, ey + thick / 2), fill=255)


def shade(part: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Multiplies a part with soft light, so that it looks folded or rounded."""
    cells = int(rng.integers(2, 9))
    light = rng.uniform(0.45, 1.3, (cells, cells)).astype(np.float32)
    soft = np.asarray(Image.fromarray(light).resize(part.size, RESAMPLE))[..., None]
    return Image.fromarray(np.clip(np.asarray(part) * soft, 0, 255).astype(np.uint8))


def place(
    canvas: Image.Image, side: tuple[float, float], sources: Sources, rng: np.random.Generator
) -> None:
    """Pastes one filled shape somewhere, sometimes lit and with a shadow."""
    w, h = (max(10, int(rng.uniform(*side) * SIZE)) for _ in range(2))
    part, mask = filling((w, h), sources, rng), outline(w, h, rng)
    if rng.random() < 0.4:
        part = shade(part, rng)
    left, top = (
        int(rng.integers(-w // 3, SIZE - w * 2 // 3)),
        int(rng.integers(-h // 3, SIZE - h * 2 // 3)),
    )
    if rng.random() < 0.3:
        dark = mask.filter(ImageFilter.GaussianBlur(4)).point(lambda value: value // 2)
        canvas.paste((0, 0, 0), (left + 4, top + 5), dark)
    canvas.paste(part, (left, top), mask)


# --- whole pictures ----------------------------------------------------------------------------


def mosaic(sources: Sources, rng: np.random.Generator) -> Image.Image:
    """A grid of small photos with uneven cells."""
    n = int(rng.integers(2, 5))
    canvas = Image.new("RGB", (SIZE, SIZE))
    xs, ys = (np.linspace(0, SIZE, n + 1) for _ in range(2))
    for edges in (xs, ys):
        edges[1:-1] += rng.uniform(-0.3, 0.3, n - 1) * SIZE / n
    for left, right in zip(xs[:-1].astype(int), xs[1:].astype(int), strict=True):
        for top, bottom in zip(ys[:-1].astype(int), ys[1:].astype(int), strict=True):
            canvas.paste(small_photo((right - left, bottom - top), sources, rng), (left, top))
    return canvas


def collage(sources: Sources, rng: np.random.Generator) -> Image.Image:
    """A background with a few large shapes on it."""
    canvas = filling((SIZE, SIZE), sources, rng)
    for _ in range(int(rng.integers(2, 9))):
        place(canvas, (0.15, 0.7), sources, rng)
    return canvas


def dead_leaves(sources: Sources, rng: np.random.Generator) -> Image.Image:
    """Many shapes of falling size over one another, the statistics of a cluttered scene."""
    canvas, low = filling((SIZE, SIZE), sources, rng), rng.uniform(0.06, 0.2)
    for side in np.linspace(0.6, low, int(rng.integers(12, 36))):
        place(canvas, (side * 0.6, side), sources, rng)
    return canvas


def single_object(sources: Sources, rng: np.random.Generator) -> Image.Image:
    """One large thing of a few lit parts on a plain background."""
    canvas = gradient((SIZE, SIZE), rng)
    part = shade(filling((SIZE, SIZE), sources, rng), rng)
    mask = Image.new("L", (SIZE, SIZE))
    for _ in range(int(rng.integers(1, 5))):
        w, h = (int(rng.uniform(0.35, 0.95) * SIZE) for _ in range(2))
        shape = outline(w, h, rng)
        spot = (int(rng.integers(0, SIZE - w + 1)), int(rng.integers(0, SIZE - h + 1)))
        mask.paste(255, spot, shape)
    if rng.random() < 0.5:
        dark = mask.filter(ImageFilter.GaussianBlur(6)).point(lambda value: value // 2)
        canvas.paste((0, 0, 0), (5, 7), dark)
    canvas.paste(part, (0, 0), mask)
    return canvas


def develop(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Changes light, contrast, colour and sharpness as cameras do."""
    for enhance, spread in (
        (ImageEnhance.Brightness, 0.25),
        (ImageEnhance.Contrast, 0.25),
        (ImageEnhance.Color, 0.4),
    ):
        if rng.random() < 0.5:
            picture = enhance(picture).enhance(float(rng.uniform(1 - spread, 1 + spread)))
    chance = rng.random()
    if chance < 0.12:
        picture = picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.5, 2.0))))
    elif chance < 0.27:
        grain = rng.standard_normal((SIZE, SIZE, 1), np.float32) * rng.uniform(3, 14)
        picture = Image.fromarray(np.clip(np.asarray(picture) + grain, 0, 255).astype(np.uint8))
    elif chance < 0.32:
        picture = picture.convert("L").convert("RGB")
    return picture


def draw(sources: Sources, seed: int, index: int) -> np.ndarray:
    """Draws picture number `index`; the same seed and number give the same picture everywhere."""
    rng = np.random.default_rng((seed, index))
    kind = rng.random()
    if kind < 0.22:
        picture = small_photo((SIZE, SIZE), sources, rng)
    elif kind < 0.40:
        picture = mosaic(sources, rng)
    elif kind < 0.62:
        picture = collage(sources, rng)
    elif kind < 0.74:
        picture = dead_leaves(sources, rng)
    elif kind < 0.88:
        picture = single_object(sources, rng)
    else:
        picture = crop(
            sources.photos[int(rng.integers(len(sources.photos)))], (SIZE, SIZE), rng, 0.25
        )
    if rng.random() < 0.08:
        picture = Image.blend(
            picture, filling((SIZE, SIZE), sources, rng), float(rng.uniform(0.2, 0.5))
        )
    return np.asarray(develop(picture, rng))
