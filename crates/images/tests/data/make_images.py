"""Makes small images, images.npz (what Pillow decodes), resized.npz (what Pillow resizes) and transformed.npz (what
torchvision makes of one).

    pip install numpy pillow torch torchvision
    python make_images.py

images.npz has an array for each file, of the pixels after `ImageOps.exif_transpose` and `convert("RGB")`, or `L` for
gray files.
"""

import io
import pathlib
import struct
import zlib

import numpy as np
import torch
from PIL import Image, ImageOps
from torchvision import transforms

from encode_jpeg import encode

HERE = pathlib.Path(__file__).parent
DECODED = {}


def picture(height, width, seed):
    """A smooth picture with edges and a little noise."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    red = 127 + 90 * np.sin(x / 9 + y / 17)
    colors = np.stack([red, 127 + 90 * np.cos(x / 13 - y / 7), 127 + 90 * np.sin((x + y) / 11)], -1)
    colors[height // 4 : height // 2, width // 4 : width // 2] = [250, 10, 10]
    return np.clip(colors + generator.normal(0, 4, colors.shape), 0, 255).astype(np.uint8)


def keep(name, pixels=None, mode="RGB"):
    """What a file must be decoded to: what Pillow does, if nothing else is given."""
    if pixels is None:
        pixels = np.asarray(ImageOps.exif_transpose(Image.open(HERE / name)).convert(mode))
    DECODED[name] = pixels


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(name, header, rows, extra=b""):
    """A PNG file of rows of bytes, for what Pillow does not write."""
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", *header, 0, 0, 0))
    (HERE / name).write_bytes(head + extra + chunk(b"IDAT", data) + chunk(b"IEND", b""))


def make_pngs():
    colors = picture(6, 7, 0)
    image = Image.fromarray(colors)
    generator = np.random.default_rng(1)
    alpha = Image.fromarray(generator.integers(0, 256, (6, 7), dtype=np.uint8))
    image.save(HERE / "rgb.png")
    keep("rgb.png")
    gray = image.convert("L")
    gray.save(HERE / "gray.png")
    keep("gray.png", mode="L")
    gray.convert("1").save(HERE / "gray1.png")
    keep("gray1.png", mode="L")
    for bits in [2, 4]:
        name, steps = f"gray{bits}.png", generator.integers(0, 1 << bits, (5, 9))
        rows = [np.packbits(np.unpackbits(row.astype(np.uint8)[:, None], axis=1)[:, 8 - bits :]) for row in steps]
        png(name, (9, 5, bits, 0), [row.tobytes() for row in rows])
        keep(name, mode="L")
    rgba = image.copy()
    rgba.putalpha(alpha)
    rgba.save(HERE / "rgba.png")
    keep("rgba.png")
    gray_alpha = gray.copy()
    gray_alpha.putalpha(alpha)
    gray_alpha.save(HERE / "gray_alpha.png")
    keep("gray_alpha.png", mode="L")
    palette = image.quantize(11)
    palette.save(HERE / "palette.png")
    keep("palette.png")
    palette.save(HERE / "palette_transparent.png", transparency=3)
    keep("palette_transparent.png")
    image.save(HERE / "rgb_transparent.png", transparency=tuple(int(value) for value in colors[0, 0]))
    keep("rgb_transparent.png")
    deep = generator.integers(0, 1 << 16, (4, 5, 4), dtype=np.uint16)
    deep[0, 0] = [0, 65535, 257, 65535]
    for name, kind, channels, kept in [("gray16", 0, 1, 1), ("rgb16", 2, 3, 3), ("rgba16", 6, 4, 3)]:
        values = deep[..., :channels]
        png(f"{name}.png", (5, 4, 16, kind), [row.astype(">u2").tobytes() for row in values])
        keep(f"{name}.png", np.rint(values[..., :kept] / 257).astype(np.uint8).squeeze())
    # One pass of Adam7 after the other: first column, row, and steps.
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    parts = [colors[row::down, column::across] for column, row, across, down in passes]
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for part in parts for row in part if row.size))
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 7, 6, 8, 2, 0, 0, 1))
    (HERE / "interlaced.png").write_bytes(head + chunk(b"IDAT", data) + chunk(b"IEND", b""))
    keep("interlaced.png")
    frames = [Image.fromarray(picture(6, 7, seed)) for seed in [2, 3]]
    frames[0].save(HERE / "animated.png", save_all=True, append_images=frames[1:])
    keep("animated.png", np.asarray(frames[0]))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(HERE / "turned.png", exif=exif)
    keep("turned.png")


def jpeg(name, image, mode="RGB", **options):
    image.save(HERE / name, **options)
    keep(name, mode=mode)


def make_jpegs():
    image = Image.fromarray(picture(37, 50, 4))
    jpeg("444.jpg", image, quality=95, subsampling=0)
    jpeg("422.jpg", image, quality=90, subsampling=1)
    jpeg("420.jpg", image, quality=90, subsampling=2)
    jpeg("progressive.jpg", image, quality=90, subsampling=2, progressive=True)
    jpeg("restart.jpg", image, quality=90, restart_marker_blocks=2)
    jpeg("gray.jpg", image.convert("L"), mode="L", quality=90)
    jpeg("cmyk.jpg", image.convert("CMYK"), quality=90)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        small = Image.fromarray(picture(3, 5, 5))
        jpeg(f"orientation{orientation}.jpg", small, quality=100, subsampling=0, exif=exif)
    planes = np.moveaxis(picture(37, 50, 6), -1, 0)
    black = np.full((37, 50), 200)

    def own(name, planes, sampling, **options):
        across, down = (max(factors) for factors in zip(*sampling))
        sizes = [(-(-50 * columns // across), -(-37 * rows // down)) for columns, rows in sampling]
        planes = [Image.fromarray(plane.astype(np.uint8)) for plane in planes]
        planes = [np.asarray(plane.resize(size, Image.Resampling.BOX)) for plane, size in zip(planes, sizes)]
        (HERE / name).write_bytes(encode(planes, sampling, 37, 50, **options))
        keep(name)

    ones = [(1, 1)] * 3
    own("440.jpg", planes, [(1, 2), (1, 1), (1, 1)])
    own("411.jpg", planes, [(4, 1), (1, 1), (1, 1)])
    own("chroma_mixed.jpg", planes, [(2, 2), (1, 2), (2, 1)])
    own("420_scans.jpg", planes, [(2, 2), (1, 1), (1, 1)], interleaved=False)
    own("rgb_names.jpg", planes, ones, names=list(b"RGB"), jfif=False)
    own("rgb_adobe.jpg", planes, ones, adobe=0, jfif=False)
    own("rgb_names_jfif.jpg", planes, ones, names=list(b"RGB"))
    own("ycck.jpg", [*planes, black], [(1, 1)] * 4, adobe=2, jfif=False)


def make_resized():
    arrays, generator = {}, np.random.default_rng(7)
    filters = {"nearest": 0, "bilinear": 2, "bicubic": 3}
    sizes = [((7, 5), (3, 2)), ((7, 5), (16, 11)), ((7, 5), (7, 3)), ((7, 5), (2, 5)), ((40, 61), (13, 17))]
    sizes += [((1, 1), (3, 4)), ((33, 2), (5, 9)), ((24, 18), (81, 84)), ((300, 7), (1, 1)), ((19, 23), (18, 24))]
    sizes += [((31, 200), (7, 45))]
    for (height, width), (new_height, new_width) in sizes:
        for mode, shape in [("L", (height, width)), ("RGB", (height, width, 3))]:
            name = f"{mode}/{height}x{width}"
            if name not in arrays:
                # Where all is black or white, overshoot is clamped.
                pixels = generator.integers(0, 256, shape, dtype=np.uint8)
                arrays[name] = (pixels >> 7) * np.uint8(255) if height == 7 else pixels
            image = Image.fromarray(arrays[name])
            for label, number in filters.items():
                resized = image.resize((new_width, new_height), number)
                arrays[f"{name}/{label}/{new_height}x{new_width}"] = np.asarray(resized)
    np.savez_compressed(HERE / "resized.npz", **arrays)


def make_transformed():
    image = Image.open(HERE / "420.jpg").convert("RGB")
    image = Image.fromarray(np.asarray(image))
    image.save(HERE / "photo.png")
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    normalize = transforms.Normalize(mean, std)
    bicubic = transforms.InterpolationMode.BICUBIC
    steps = {
        "plain": [transforms.ToTensor()],
        "imagenet": [transforms.Resize(32), transforms.CenterCrop(28), transforms.ToTensor(), normalize],
        "exact": [transforms.Resize((20, 31)), transforms.ToTensor()],
        "bicubic": [transforms.Resize(45, bicubic), transforms.CenterCrop((40, 33)), transforms.ToTensor()],
        "padded": [transforms.CenterCrop((40, 45)), transforms.ToTensor()],
        "gray": [transforms.Grayscale(), transforms.Resize(16), transforms.ToTensor(), transforms.Normalize(0.5, 0.25)],
        "u8": [transforms.Resize(24), transforms.PILToTensor()],
    }
    arrays = {name: transforms.Compose(list(steps))(image).numpy() for name, steps in steps.items()}
    np.savez_compressed(HERE / "transformed.npz", **arrays)


make_pngs()
make_jpegs()
np.savez_compressed(HERE / "images.npz", **DECODED)
make_resized()
make_transformed()
