#!/usr/bin/env python3
"""torchvision's RoIAlign on the CPU on the problems of bench_roi_align, beside the engine's kernels.

    python3 bench/peers/torch_roi_align.py --threads 2 --engine build/bench_roi_align

float32, N C H W in memory, as torchvision wants them. Prints CSV: problem, microseconds of torchvision, of the
engine's best kernel, and their ratio (above 1: the engine is faster). The programs take turns, problem by problem,
`--rounds` times, with the same number of threads; a time is the least of its medians.
"""
import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import time

try:
    import torch
    from torchvision.ops import roi_align
except ImportError as missing:
    print(f"not shown: torch_roi_align: {missing}")
    sys.exit(0)

CROP, STRIDE, BINS = 256, 16, 7


def boxes(count):
    torch.manual_seed(0)
    size = torch.empty(count, 2).uniform_(20, 200)
    corner = torch.rand(count, 2) * (CROP - 1 - size)
    return torch.cat([torch.zeros(count, 1), corner, corner + size], dim=1)


def runs(channels, count):
    """Forward and backward, as calls."""
    x = torch.rand(1, channels, CROP // STRIDE, CROP // STRIDE)
    rows = boxes(count)
    dy = torch.rand(count, channels, BINS, BINS)
    rule = (1 / STRIDE, BINS, BINS)
    backward = torch.ops.torchvision._roi_align_backward
    return {
        "forward": lambda: roi_align(x, rows, BINS, 1 / STRIDE, -1, True),
        "backward": lambda: backward(dy, rows, *rule, *x.shape, -1, True),
    }


def median_microseconds(run, seconds=0.3):
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        begin = time.perf_counter()
        run()
        times.append((time.perf_counter() - begin) * 1e6)
    return statistics.median(times)


def engine_microseconds(program, threads, problem):
    text = subprocess.run(
        [program, f"--benchmark_filter=^{problem}/channel_vectors", "--benchmark_format=json",
         "--benchmark_min_time=0.3"],
        env={**os.environ, "OMP_NUM_THREADS": str(threads)}, capture_output=True, text=True, check=True).stdout
    return json.loads(text)["benchmarks"][0]["real_time"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", help="bench_roi_align; without it torchvision alone")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["problem", "torchvision_us", "engine_us", "ratio"])
    for channels in 2048, 256:
        for count in 1, 5, 30:
            for direction, run in runs(channels, count).items():
                problem = f"c{channels}/boxes{count}/{direction}"
                theirs, ours = [], []
                for _ in range(options.rounds):
                    theirs.append(median_microseconds(run))
                    if options.engine:
                        ours.append(engine_microseconds(options.engine, options.threads, problem))
                row = [problem, f"{min(theirs):.0f}"]
                if ours:
                    row += [f"{min(ours):.0f}", f"{min(theirs) / min(ours):.1f}"]
                out.writerow(row)


if __name__ == "__main__":
    main()
