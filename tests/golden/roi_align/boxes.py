"""Writes boxes.safetensors beside itself: what torchvision's roi_align makes of small features.

Needs Python 3 with numpy, torch and torchvision. float32; `x` is N C H W, `boxes` K 5 in units of
4 features' pixels a pixel. `RULE/SAMPLES.y` is the result K C 3 3 with RULE aligned or legacy and
so many samples of a bin along an axis (0: adaptive), `RULE/SAMPLES.dx` the gradient of x where that
of y is `dy`.
"""
import json
import pathlib
import struct

import numpy as np
import torch
import torchvision

random = np.random.Generator(np.random.PCG64(1))


def uniform(low, high, *shape):
    return torch.from_numpy(random.uniform(low, high, shape).astype(np.float32))


H, W = 9, 11
x = uniform(-1, 1, 2, 3, H, W).requires_grad_()
corners = uniform(-8, 4 * W + 8, 12, 2), uniform(-8, 4 * H + 8, 12, 2)
left, right = corners[0].sort().values.T
top, bottom = corners[1].sort().values.T
boxes = torch.stack([torch.arange(12) % 2, left, top, right, bottom], dim=1)
boxes[2, 3] = boxes[2, 1]  # without area
boxes[5, [1, 3]] = boxes[5, [3, 1]]  # reversed
boxes[7, 1:] += 100  # outside
boxes[8, 1:] = torch.tensor([0, 0, 4 * W - 1, 4 * H - 1])  # everything
boxes[9, 1:] = torch.tensor([-300, -200, 400, 100])  # huge
boxes[10, 1:] = torch.tensor([8, 8, 9, 9])  # less than a pixel
dy = uniform(-1, 1, 12, 3, 3, 3)

tensors = {"x": x, "boxes": boxes, "dy": dy}
for rule in "aligned", "legacy":
    for samples in 0, 2:
        y = torchvision.ops.roi_align(x, boxes, 3, 0.25, samples or -1, rule == "aligned")
        tensors[f"{rule}/{samples}.y"] = y
        tensors[f"{rule}/{samples}.dx"] = torch.autograd.grad(y, x, dy)[0]

arrays = {name: tensor.detach().contiguous().numpy() for name, tensor in tensors.items()}
header, at = {"__metadata__": {"torchvision": torchvision.__version__}}, 0
for name, values in arrays.items():
    offsets = [at, at + values.nbytes]
    header[name] = {"dtype": "F32", "shape": values.shape, "data_offsets": offsets}
    at += values.nbytes
text = json.dumps(header, separators=(",", ":")).encode()
text += b" " * (-(8 + len(text)) % 64)
data = b"".join(values.tobytes() for values in arrays.values())
path = pathlib.Path(__file__).with_suffix(".safetensors")
path.write_bytes(struct.pack("<Q", len(text)) + text + data)
