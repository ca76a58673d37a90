#!/usr/bin/env python3
"""PyTorch's 3D convolutions (cuDNN on a GPU) on the problems of shape files, as bench_kernels has them.

    python3 bench/peers/torch_conv3d.py --device cuda --dtype bf16 --gradients bench/shapes/SLOWFAST_8x8_R50_256.txt

Channels-last tensors, cuDNN's algorithms measured and the fastest kept (cudnn.benchmark). The convolution with its
bias alone: residual and ReLU would be launches of their own. Prints CSV: file, problem, direction, microseconds,
TFLOP/s. Each time is the median of runs, between which a GPU's second-level cache is overwritten. A convolution that
cannot run has "not shown: REASON" in the place of its time.
"""
import argparse
import csv
import re
import statistics
import sys
import time
from pathlib import Path

try:
    import torch
except ImportError as missing:
    print(f"not shown: torch_conv3d: {missing}")
    sys.exit(0)

TYPES = {"f32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}


def parse(line):
    """The problem of a line of a shape file, as keyword arguments and sizes."""
    def number(name):
        return int(re.search(rf"\b{name}(\d+)\b", line)[1])

    def triple(name):
        return tuple(map(int, re.search(rf"\b{name}(\d+)x(\d+)x(\d+)\b", line).groups()))

    n, t, h, w, c, k, groups = (number(name) for name in ("n", "t", "h", "w", "c", "k", "groups"))
    return {
        "x": (n, c, t, h, w),
        "w": (k, c // groups, *triple("kernel")),
        "bias": " bias" in line,
        "rules": (triple("stride"), triple("pad"), triple("dilation"), False, (0, 0, 0), groups),
    }


def median_seconds(run, repeats, junk):
    times = []
    for _ in range(repeats + 3):
        if junk is None:
            begin = time.perf_counter()
            run()
            times.append(time.perf_counter() - begin)
            continue
        junk.zero_()
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        run()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end) * 1e-3)
    return statistics.median(times[3:])


def directions(problem, dtype, gradients, device):
    """(name, operations, call) of the convolution and its gradients."""
    def random(shape):
        return torch.rand(shape, device=device).mul_(2).sub_(1).to(dtype).contiguous(
            memory_format=torch.channels_last_3d)

    x, w = random(problem["x"]), random(problem["w"])
    bias = torch.rand(w.shape[0], device=device).to(dtype) if problem["bias"] else None
    y = torch.ops.aten.convolution(x, w, bias, *problem["rules"])
    flops = 2 * y.numel() * w[0].numel()
    yield "forward", flops, lambda: torch.ops.aten.convolution(x, w, bias, *problem["rules"])
    if not gradients:
        return
    dy = random(y.shape)
    for name, mask in (("by_data", [True, False, False]), ("by_weight", [False, True, False])):
        yield name, flops, lambda mask=mask: torch.ops.aten.convolution_backward(
            dy, x, w, None, *problem["rules"], mask)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda")
    parser.add_argument("--dtype", choices=TYPES, default="f32")
    parser.add_argument("--gradients", action="store_true")
    parser.add_argument("--repeats", type=int, default=10)
    args = parser.parse_args()
    if args.device == "cuda" and not torch.cuda.is_available():
        print("not shown: torch_conv3d: wanted a CUDA device, found none")
        return
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = args.dtype == "tf32"
    junk = torch.empty(256 << 20, dtype=torch.uint8, device="cuda") if args.device == "cuda" else None
    out = csv.writer(sys.stdout)
    out.writerow(["file", "problem", "direction", "us", "TFLOP/s"])
    for file in args.files:
        for line in dict.fromkeys(file.read_text().splitlines()):
            if not line.startswith("conv3d"):
                continue
            try:
                for name, flops, run in directions(parse(line), TYPES[args.dtype], args.gradients, args.device):
                    seconds = median_seconds(run, args.repeats, junk)
                    out.writerow([file.stem, line, name, f"{seconds * 1e6:.1f}", f"{flops / seconds / 1e12:.4g}"])
            except RuntimeError as error:  # among them a lack of memory
                out.writerow([file.stem, line, "", f"not shown: {str(error).splitlines()[0]}", ""])
            sys.stdout.flush()


if __name__ == "__main__":
    main()
