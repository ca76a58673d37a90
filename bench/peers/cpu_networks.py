#!/usr/bin/env python3
"""The engine, OpenVINO, ONNX Runtime and PyTorch running the same networks on the CPU, in turn.

    python3 bench/peers/cpu_networks.py --threads 2 --engine build --reference tests/golden/full \\
        configs/Kinetics/SLOWFAST_8x8_R50.yaml

All have the same counter-based weights and one clip, the peers the batch norms folded into the convolutions. Each is
first shown to give the scores and logits of the engine in float32 and, with --reference, of the original. Then they
take turns, --rounds times: a run that is not counted and one that is, all with the same number of threads, each peer
in a process of its own that waits while others run. Prints CSV: network, implementation, version, dtype, largest
difference from the engine's float32 and from the reference (relative to the largest value), the least milliseconds,
and their ratio to the engine's of the same dtype (above 1: the engine is faster). A case that cannot run has
"not shown: REASON" in the place of milliseconds. Ends with status 1 where a difference is beyond its bound.
"""
import argparse
import csv
import importlib.metadata
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch_networks as networks  # which ends the program, saying so, where PyTorch is not installed
import torch
from safetensors.torch import save_file
from torch import nn

# Of the largest value. float32: the order of sums differs and, in Winograd's algorithm, intermediate values; a wrong
# weight or layer changes the first digit. bf16: its 8 bits round by up to 0.4 %, in each of some 50 layers.
BOUNDS = {"f32": 1e-4, "bf16": 3e-2}


class Case(nn.Module):
    """A network of a configuration in one type on one clip: clips by pathway -> scores, logits."""

    def __init__(self, file, dtype):
        super().__init__()
        config = networks.load_config(file)
        self.dtype = networks.TYPES[dtype]
        self.network = networks.make_network(config, None).eval()
        networks.fold(self.network)
        self.network.to(self.dtype)
        data = config["DATA"]
        shape = (1, 3, data["NUM_FRAMES"], data["TEST_CROP_SIZE"], data["TEST_CROP_SIZE"])
        self.clips = networks.counter_clips(f"{reference_name(file)}.input", shape, self.network.frames)
        self.eval()

    def forward(self, *clips):
        y = self.network.logits([clip.to(self.dtype) for clip in clips]).float()
        return y.softmax(3).mean((1, 2)), y.mean((1, 2))

    def arrays(self):
        return [clip.contiguous().numpy() for clip in self.clips]

    def export(self, path):
        torch.onnx.export(self, tuple(self.clips), path, dynamo=True, verbose=False, opset_version=22,
                          input_names=[f"clip{p}" for p in self.network.pathways])


def reference_name(file):
    return f"{file.resolve().parent.name}_{file.stem}"


def torch_run(file, dtype, mode):
    case = Case(file, dtype)
    if mode == "compiled_frozen":
        torch._inductor.config.freezing = True  # weights become constants, laid out once for oneDNN
    clips = [clip.to(case.dtype) for clip in case.clips]
    run, clips = networks.arrange(case, clips, "compiled" if mode == "compiled_frozen" else mode)
    return lambda: run(*clips)


def openvino_run(file, dtype, threads):
    import openvino
    case = Case(file, "f32")
    with tempfile.TemporaryDirectory() as folder:
        case.export(f"{folder}/network.onnx")
        network = openvino.Core().compile_model(f"{folder}/network.onnx", "CPU", {
            "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": dtype})
    found = network.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    if found != dtype:
        raise ValueError(f"OpenVINO computes in {found} on this machine")
    request, clips = network.create_infer_request(), case.arrays()
    return lambda: list(request.infer(clips, share_inputs=True, share_outputs=True).values())


def onnxruntime_run(file, dtype, threads):
    import onnxruntime
    case = Case(file, dtype)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    with tempfile.TemporaryDirectory() as folder:
        case.export(f"{folder}/network.onnx")
        session = onnxruntime.InferenceSession(f"{folder}/network.onnx", options, providers=["CPUExecutionProvider"])
    clips = {f"clip{p}": clip for p, clip in enumerate(case.arrays())}
    return lambda: session.run(None, clips)


# By name: the packages that it takes, and what makes a call of it from file, dtype and threads.
PEERS = {
    "openvino": (("openvino", "onnx", "onnxscript"), openvino_run),
    "onnxruntime": (("onnxruntime", "onnx", "onnxscript"), onnxruntime_run),
    **{f"torch_{mode}": (("torch",), lambda file, dtype, threads, mode=mode: torch_run(file, dtype, mode))
       for mode in ("eager", "channels_last", "compiled", "compiled_frozen")},
}


def first_line(error):
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)


def wanted_again(pipe):
    try:
        return pipe.recv()
    except EOFError:  # the other end has closed it, or is no more
        return False


def serve(pipe, peer, file, dtype, threads):
    """Sends scores and logits, then milliseconds of a run whenever something comes; a text if it cannot run."""
    os.dup2(2, 1)  # what libraries print is no part of the table
    torch.set_num_threads(threads)
    try:
        with torch.inference_mode() if peer.startswith("torch") else torch.no_grad():
            run = PEERS[peer][1](file, dtype, threads)
            pipe.send([torch.as_tensor(y).double().flatten().tolist() for y in run()])
            while wanted_again(pipe):
                run()
                begin = time.perf_counter()
                run()
                pipe.send((time.perf_counter() - begin) * 1e3)
    except Exception as error:
        pipe.send(first_line(error))


class Peer:
    def __init__(self, name, file, dtype, args):
        self.name, self.dtype, self.times = name, dtype, []
        self.version, self.scores, self.process = "", None, None
        for package in reversed(PEERS[name][0]):
            try:
                self.version = importlib.metadata.version(package)
            except importlib.metadata.PackageNotFoundError:
                self.reason = f"{package} is not installed"
                return
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, name, file, dtype, args.threads), daemon=True)
        self.process.start()
        theirs.close()
        self.scores, self.reason = self.answer()

    def answer(self):
        """What the process sends and None, or None and why it sends nothing."""
        try:
            found = self.pipe.recv()
        except EOFError:
            self.process.join()
            found = f"the process ended with status {self.process.exitcode}"
        return (None, found) if isinstance(found, str) else (found, None)

    def time(self):
        self.pipe.send(True)
        ms, self.reason = self.answer()
        if ms:
            self.times.append(ms)

    def close(self):
        if self.process:
            self.pipe.close()  # which ends it
            self.process.join(10)
            self.process.terminate()
            self.process.join()


class ProgramFailed(Exception):
    """One of the engine's programs ended with a status other than 0."""


def run_program(command, threads):
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": str(threads)}, capture_output=True, text=True)
    if done.returncode:
        raise ProgramFailed(first_line(done.stderr or f"{command[0]}: status {done.returncode}"))
    return done.stdout


def engine_scores(file, dtype, args):
    with tempfile.TemporaryDirectory() as folder:
        clips, scores = Path(folder, "clips.safetensors"), Path(folder, "scores.safetensors")
        save_file({f"input.{p}": clip.contiguous() for p, clip in enumerate(Case(file, "f32").clips)}, clips)
        run_program([args.engine / "sf", "infer", "--cfg", file, "--weights", "counter", "--device", "cpu",
                     "--dtype", dtype, "--input", clips, "--output", scores], args.threads)
        found = networks.read(scores)[1]
        return [found[key].double().flatten().tolist() for key in ("output", "logits")]


class Engine:
    """Scores of `sf infer`; times of `bench_models`, which has the same weights."""

    name, version = "engine", ""

    def __init__(self, file, dtype, args):
        self.file, self.dtype, self.args, self.times = file, dtype, args, []
        self.scores, self.reason = None, None
        try:
            self.scores = engine_scores(file, dtype, args)
        except ProgramFailed as error:
            self.reason = str(error)

    def time(self):
        config = networks.load_config(self.file)
        name = f"{self.file.stem}/{config['DATA']['TEST_CROP_SIZE']}/{self.dtype}/cpu"
        try:
            # A network takes longer than this least time: one iteration, after one that is not counted.
            text = run_program([self.args.engine / "bench_models", "--cfg", self.file.resolve(),
                                f"--benchmark_filter=^{name}/real_time$", "--benchmark_min_time=0.001",
                                "--benchmark_format=json"], self.args.threads)
            self.times.append(json.loads(text)["benchmarks"][0]["real_time"])
        except ProgramFailed as error:
            self.reason = str(error)

    def close(self):
        pass


def difference(found, wanted):
    """The largest one of scores and logits, each relative to the largest value."""
    found, wanted = ([torch.tensor(y) for y in pair] for pair in (found, wanted))
    return max(((f - w).abs().max() / w.abs().max()).item() for f, w in zip(found, wanted))


def reference_scores(folder, file):
    found = networks.read(folder / f"{reference_name(file)}.safetensors")[1]
    logits = found["logits"].double()
    logits = logits.mean((1, 2, 3)) if logits.dim() == 5 else logits
    return [found["output"].double().flatten().tolist(), logits.flatten().tolist()]


def compare(file, args):
    """Rows of the table, and whether all differences are within their bounds."""
    wanted = {"engine": engine_scores(file, "f32", args)}
    if args.reference:
        wanted["reference"] = reference_scores(args.reference, file)
    cases, differences, within = [], {}, True
    try:
        for dtype in args.dtype:
            for name in ["engine", *args.peers]:
                print(f"{file.stem}: {name} {dtype}", file=sys.stderr)
                case = Engine(file, dtype, args) if name == "engine" else Peer(name, file, dtype, args)
                cases.append(case)
                if not case.scores:
                    continue
                off = differences[case] = {key: difference(case.scores, y) for key, y in wanted.items()}
                if not all(d <= BOUNDS[dtype] for d in off.values()):  # so that NaN fails
                    case.reason, within = "its scores are off", False
        for _ in range(args.rounds):
            for case in cases:
                if not case.reason:
                    case.time()
                    print(f"{file.stem}: {case.name} {case.dtype}: {case.reason or f'{case.times[-1]:.0f} ms'}",
                          file=sys.stderr)
    finally:
        for case in cases:
            case.close()
    ours = {case.dtype: min(case.times) for case in cases if case.name == "engine" and not case.reason}
    rows = []
    for case in cases:
        off = [f"{differences[case][key]:.1e}" if key in differences.get(case, {}) else ""
               for key in ("engine", "reference")]
        ms = f"not shown: {case.reason}" if case.reason else f"{min(case.times):.0f}"
        ratio = f"{min(case.times) / ours[case.dtype]:.2f}" if not case.reason and case.dtype in ours else ""
        rows.append([file.stem, case.name, case.version, case.dtype, *off, ms, ratio])
    return rows, within


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, help="configurations")
    parser.add_argument("--engine", type=Path, default=networks.ROOT / "build", help="folder of sf and bench_models")
    parser.add_argument("--reference", type=Path, help="folder of the original's scores, as tests/golden/full")
    parser.add_argument("--peers", type=networks.several(str, PEERS), default=list(PEERS),
                        help=f"of {','.join(PEERS)}")
    parser.add_argument("--dtype", type=networks.several(str, BOUNDS), default=list(BOUNDS),
                        help=f"of {','.join(BOUNDS)}")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(args.threads)  # of the processes started from here
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["network", "implementation", "version", "dtype", "off_engine", "off_reference", "ms", "ratio"])
    all_within = True
    for file in args.files:
        rows, within = compare(file, args)
        out.writerows(rows)
        sys.stdout.flush()
        all_within &= within
    if not all_within:
        sys.exit("cpu_networks: differences beyond their bounds")


if __name__ == "__main__":
    try:
        main()
    except (OSError, ProgramFailed) as error:
        sys.exit(f"cpu_networks: {error}")
