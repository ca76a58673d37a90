#!/usr/bin/env python3
"""A model of a training step on many GPUs or processes, from the plan of one.

    python3 bench/scaling.py --engine build/sf --cfg configs/Kinetics/SLOWFAST_8x8_R50.yaml --batch 8
    python3 bench/scaling.py --engine build/sf --cfg configs/Kinetics/SLOW_8x8_R50.yaml --device cpu --step-ms 1433 \\
        --bandwidth 1 --latency-us 40 --no-overlap --ranks 2 4

A bucket of gradients can be summed once the steps before its start_sum have run (`sf plan --train`); sums follow each
other beside the rest of the backward pass; the optimiser waits for the last. Prints CSV: ranks, milliseconds of a step
with the cheaper of ring and tree, the algorithm, milliseconds that it waits for sums, share of the speed of one rank.
docs/scaling.md has the formulas.
"""
import argparse
import csv
import math
import re
import subprocess
import sys

STEP = re.compile(r"^(\S+)\s+(\S+)\s+(\S+)\s+\w+\[([\d ]*)\]\s+(?:constant|\d+)?(?: pitch \d+)?\s*([\d.]+)(.*)$")


def plan(options):
    """Bytes of each bucket with the share of the step that has run when it is complete, and when all have started."""
    command = [options.engine, "plan", "--train", "--device", options.device, "--cfg", options.cfg,
               "SF.CPU_PROCESSES" if options.device == "cpu" else "NUM_GPUS", "2"]
    command += ["TRAIN.BATCH_SIZE", str(2 * options.batch), "TRAIN.MIXED_PRECISION", str(options.device != "cpu")]
    command += ["--batch", str(options.batch)] + options.settings
    text = subprocess.run(command, capture_output=True, text=True, check=False)
    if text.returncode != 0:
        sys.exit(text.stderr.strip())
    run, buckets, wait = 0.0, [], None
    for line in text.stdout.splitlines():
        step = STEP.match(line)
        if not step:
            continue
        name, op, _, shape, mflop, rest = step.groups()
        if op == "start_sum":
            buckets.append((4 * math.prod(int(n) for n in shape.split()), run))
        elif op == "finish_sum":
            wait = run if wait is None else wait
        elif options.device == "cpu":
            run += float(mflop)
        else:
            run += float(rest.split()[-1])  # predicted microseconds
    if not buckets or run == 0:
        sys.exit(f"scaling: wanted a plan with start_sum steps, found {len(text.stdout.splitlines())} lines without")
    return [(size, ready / run) for size, ready in buckets], wait / run, run / 1e3


def ring(size, ranks, bandwidth, latency):
    return 2 * (ranks - 1) / ranks * size / bandwidth + 2 * (ranks - 1) * latency


def tree(size, ranks, bandwidth, latency):
    return 2 * size / bandwidth + 2 * math.ceil(math.log2(ranks)) * latency


def sum_seconds(size, ranks, options, across):
    """Inside a machine a ring; across machines, `across` on the part that each GPU of a machine has."""
    local = min(ranks, options.per_machine)
    seconds = ring(size, local, options.bandwidth * 1e9, options.latency_us * 1e-6) if local > 1 else 0
    machines = math.ceil(ranks / options.per_machine)
    if machines > 1:
        seconds += across(size / local, machines, options.network * 1e9, options.network_latency_us * 1e-6)
    return seconds


def step_seconds(buckets, wait, step, ranks, options, across):
    """Seconds of a step and those of it that wait for sums."""
    if ranks == 1:
        return step, 0.0
    end = 0.0
    for size, ready in buckets:
        end = max(end, ready * step) + sum_seconds(size, ranks, options, across)
    waiting = max(0.0, end - wait * step)
    if options.no_overlap:  # no processor is free for sums
        waiting = sum(sum_seconds(size, ranks, options, across) for size, _ in buckets)
    shared = max(1.0, ranks / options.cores) if options.cores else 1.0
    return step * shared + waiting, waiting


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", default="build/sf")
    parser.add_argument("--cfg", required=True)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--batch", type=int, default=8, help="clips of a rank")
    parser.add_argument("--step-ms", type=float, help="of one rank; default: as the plan predicts for an H100")
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 8, 16, 32, 64, 128, 256, 512, 1024])
    parser.add_argument("--per-machine", type=int, default=8)
    parser.add_argument("--bandwidth", type=float, default=450, help="GB/s out of a rank within a machine")
    parser.add_argument("--latency-us", type=float, default=3, help="of a message within a machine")
    parser.add_argument("--network", type=float, default=50, help="GB/s out of a rank to other machines")
    parser.add_argument("--network-latency-us", type=float, default=8)
    parser.add_argument("--no-overlap", action="store_true", help="sums take time from the backward pass")
    parser.add_argument("--cores", type=int, default=0, help="that ranks share; 0: one each")
    parser.add_argument("settings", nargs="*", help="KEY VALUE pairs of the configuration")
    options = parser.parse_args()

    buckets, wait, predicted_ms = plan(options)
    step = (options.step_ms or predicted_ms) / 1e3
    mib = sum(size for size, _ in buckets) / 2**20
    print(f"# {len(buckets)} buckets, {mib:.1f} MiB, complete at " +
          ", ".join(f"{100 * ready:.0f} %" for _, ready in buckets) + f" of a step of {1e3 * step:.3f} ms", file=sys.stderr)
    table = csv.writer(sys.stdout)
    table.writerow(["ranks", "step_ms", "algorithm", "waiting_ms", "efficiency"])
    for ranks in options.ranks:
        name, (seconds, waiting) = min(
            ((name, step_seconds(buckets, wait, step, ranks, options, across))
             for name, across in (("ring", ring), ("tree", tree))), key=lambda choice: choice[1][0])
        shared = max(1.0, ranks / options.cores) if options.cores else 1.0
        table.writerow([ranks, f"{1e3 * seconds:.3f}", name, f"{1e3 * waiting:.3f}", f"{step * shared / seconds:.3f}"])


if __name__ == "__main__":
    main()
