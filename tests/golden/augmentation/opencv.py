"""Writes opencv.safetensors beside itself: JPEG pictures as OpenCV reads them, and resized pictures.

Needs Python 3 with numpy and opencv-python-headless. Every tensor is u8. `jpeg.NAME` is a file,
`read.NAME` its pixels as imread gives them, H W 3 in RGB. `from.NAME` are pictures, `NAME/WIDTHxHEIGHT`
is one of them resized with INTER_LINEAR.
"""
import json
import pathlib
import struct

import cv2
import numpy as np


def noise(height, width, seed):
    random = np.random.Generator(np.random.PCG64(seed))
    return random.integers(0, 256, (height, width, 3), dtype=np.uint8)


def scene(height, width):
    """Slopes of colour and edges with noise."""
    y, x = np.mgrid[0:height, 0:width]
    red = 20 + 200 * x // width
    green = np.where((x // 5 + y // 4) % 2, 230, 35) - y
    blue = 90 + (x * y) % 70
    values = np.stack([red, green, blue], axis=-1) + noise(height, width, 1) // 24
    return values.astype(np.uint8)


def jpegs():
    picture = scene(29, 37)
    sampling = {
        "444": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
        "422": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
        "420": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
        "440": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440,
        "411": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411,
    }
    for name, factor in sampling.items():
        yield name, picture, [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor]
    yield "grey", picture[:, :, 1], []
    yield "progressive", picture, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_QUALITY, 70]
    yield "restart", picture, [cv2.IMWRITE_JPEG_RST_INTERVAL, 2]
    yield "dot", noise(1, 1, 2), []


PICTURES = {
    "noise": (noise(31, 45, 3), [(45, 31), (37, 25), (74, 51), (22, 15), (90, 62), (9, 11), (15, 31)]),
    "even": (noise(24, 40, 4), [(20, 12), (10, 6), (80, 48), (20, 24), (41, 23), (13, 8)]),
    "odd": (noise(25, 41, 5), [(20, 12), (21, 13), (82, 50)]),
    "narrow": (noise(17, 1, 6), [(1, 5), (3, 40), (2, 8)]),
    "dot": (noise(1, 1, 7), [(1, 1), (4, 3)]),
    "scene": (scene(64, 85), [(42, 32), (85, 64), (53, 40), (91, 69)]),
}


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


tensors = {}
for name, picture, options in jpegs():
    bgr = picture[..., ::-1] if picture.ndim == 3 else picture
    file = cv2.imencode(".jpg", np.ascontiguousarray(bgr), options)[1].reshape(-1)
    tensors[f"jpeg.{name}"] = file
    tensors[f"read.{name}"] = cv2.imdecode(file, cv2.IMREAD_COLOR)[..., ::-1]
frame = pathlib.Path(__file__).parents[1] / "ava/frames/v_arm/v_arm_000121.jpg"
tensors["read.frame"] = cv2.imread(str(frame), cv2.IMREAD_COLOR)[..., ::-1]
for name, (picture, sizes) in PICTURES.items():
    tensors[f"from.{name}"] = picture
    for size in sizes:
        resized = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
        tensors[f"{name}/{size[0]}x{size[1]}"] = resized
write_safetensors(
    pathlib.Path(__file__).with_suffix(".safetensors"), tensors, {"opencv": cv2.__version__}
)
