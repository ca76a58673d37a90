"""Writes picture_ops.safetensors beside itself: what Pillow makes of small pictures.

Needs Python 3 with numpy and pillow. Every tensor is u8 H W 3. `from.PICTURE` are the pictures;
`PICTURE/OPERATION/ARGUMENT/INTERPOLATION` is one of them changed, with "-" where there is none.
"""
import json
import pathlib
import struct

import numpy as np
import PIL
from PIL import Image, ImageEnhance, ImageOps

GREY = (128, 128, 128)
INTERPOLATIONS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}


def noise(height, width, low, high, seed):
    random = np.random.Generator(np.random.PCG64(seed))
    return random.integers(low, high, (height, width, 3), dtype=np.uint8)


def scene(height, width):
    """Slopes of colour, edges, a little noise; no channel uses all 256 values."""
    y, x = np.mgrid[0:height, 0:width]
    red = 20 + 200 * x // width
    green = np.where((x // 5 + y // 4) % 2, 230, 35) - y
    blue = 90 + (x * y) % 70
    values = np.stack([red, green, blue], axis=-1) + noise(height, width, 0, 12, 1)
    return values.astype(np.uint8)


PICTURES = {
    "scene": scene(29, 37),
    "noise": noise(11, 9, 0, 256, 2),
    "flat": np.full((5, 6, 3), (7, 200, 255), dtype=np.uint8),
    "tiny": noise(2, 5, 30, 220, 3),
    "dot": noise(1, 1, 0, 256, 4),
}


def solarize_add(picture, add):
    table = [min(255, v + add) if v < 128 else v for v in range(256)]
    return picture.point(table * 3)


def affine(picture, matrix, interpolation):
    return picture.transform(
        picture.size, Image.Transform.AFFINE, matrix, resample=interpolation, fillcolor=GREY
    )


WITHOUT_ARGUMENT = {
    "auto_contrast": ImageOps.autocontrast,
    "equalize": ImageOps.equalize,
    "invert": ImageOps.invert,
}
WITH_ARGUMENT = {
    "posterize": (ImageOps.posterize, [1, 3, 4, 8]),
    "solarize": (ImageOps.solarize, [0, 26, 128, 256]),
    "solarize_add": (solarize_add, [0, 44, 110]),
    "color": (lambda p, a: ImageEnhance.Color(p).enhance(a), [0.1, 0.37, 1.0, 1.81]),
    "contrast": (lambda p, a: ImageEnhance.Contrast(p).enhance(a), [0.1, 0.37, 1.0, 1.81]),
    "brightness": (lambda p, a: ImageEnhance.Brightness(p).enhance(a), [0.1, 0.37, 1.0, 1.81]),
    "sharpness": (lambda p, a: ImageEnhance.Sharpness(p).enhance(a), [0.1, 0.37, 1.0, 1.81]),
}
GEOMETRIC = {
    "rotate": (lambda p, a, i: p.rotate(a, resample=i, fillcolor=GREY), [-26.93, 0.0, 7.1, 30.0]),
    "shear_x": (lambda p, a, i: affine(p, (1, a, 0, 0, 1, 0), i), [-0.2711, 0.0, 0.3]),
    "shear_y": (lambda p, a, i: affine(p, (1, 0, 0, a, 1, 0), i), [-0.2711, 0.3]),
    "translate_x": (lambda p, a, i: affine(p, (1, 0, a * p.width, 0, 1, 0), i), [-0.405, 0.4113]),
    "translate_y": (lambda p, a, i: affine(p, (1, 0, 0, 0, 1, a * p.height), i), [-0.405, 0.4113]),
}


def changed():
    for name, pixels in PICTURES.items():
        picture = Image.fromarray(pixels)
        few = name != "scene"  # one argument is enough
        for operation, change in WITHOUT_ARGUMENT.items():
            yield f"{name}/{operation}/-/-", change(picture)
        if name == "flat":
            continue
        for operation, (change, arguments) in WITH_ARGUMENT.items():
            for argument in arguments[1:2] if few else arguments:
                yield f"{name}/{operation}/{argument}/-", change(picture, argument)
        for operation, (change, arguments) in GEOMETRIC.items():
            for argument in arguments[:1] if few else arguments:
                for word, interpolation in INTERPOLATIONS.items():
                    yield (
                        f"{name}/{operation}/{argument}/{word}",
                        change(picture, argument, interpolation),
                    )


def write_safetensors(path, tensors, metadata):
    header, at = {"__metadata__": metadata}, 0
    for name, values in tensors.items():
        header[name] = {
            "dtype": "U8",
            "shape": values.shape,
            "data_offsets": [at, at + values.size],
        }
        at += values.size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % 64)
    data = b"".join(values.tobytes() for values in tensors.values())
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


tensors = {f"from.{name}": pixels for name, pixels in PICTURES.items()}
tensors |= {name: np.asarray(picture) for name, picture in changed()}
write_safetensors(
    pathlib.Path(__file__).with_suffix(".safetensors"), tensors, {"pillow": PIL.__version__}
)
