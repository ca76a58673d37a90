#!/usr/bin/env python3
"""PyTorch running the Kinetics networks of configs/: first shown to give the reference scores, then timed.

    python3 bench/peers/torch_networks.py --check tests/golden/full/*.safetensors tests/golden/small/*[0-9].safetensors
    python3 bench/peers/torch_networks.py --device cuda --dtype bf16,f32 --mode channels_last,compiled --batch 1,8 \\
        --folded configs/Kinetics/SLOWFAST_8x8_R50.yaml

--check builds the network that a reference file names, with the weights of --checkpoint (a .pyth of PySlowFast, loaded
strictly) or else the counter-based ones, and prints CSV: file, number, difference, bound. Otherwise it prints CSV
for every combination of --mode, --dtype and --batch: network, device, dtype, mode, batch, crop, what, milliseconds; the
median of runs, the clips being on the device already. A case that cannot run has "not shown: REASON" in its place.
"""
import argparse
import contextlib
import copy
import csv
import importlib.util
import itertools
import json
import math
import re
import statistics
import sys
import time
from collections import OrderedDict
from pathlib import Path

try:
    import torch
    import yaml
    from safetensors import safe_open
    from torch import nn
    from torch.nn import functional as F
except ImportError as missing:
    print(f"not shown: torch_networks: {missing}")
    sys.exit(0)

ROOT = Path(__file__).resolve().parents[2]
MODES = ("eager", "channels_last", "compiled", "tensorrt")
TYPES = {"f32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}

# Temporal kernels by pathway: the stem's, then for each stage the pattern that its blocks repeat.
TEMPORAL_KERNELS = {
    "c2d": [[[1], [1], [1], [1], [1]]],
    "i3d": [[[5], [3], [3, 1], [3, 1], [1, 3]]],
    "slow": [[[1], [1], [1], [3], [3]]],
    "slowfast": [[[1], [1], [1], [3], [3]], [[5], [3], [3], [3], [3]]],
}
TEMPORAL_POOL = {"c2d": 2, "i3d": 2}  # behind res2
DEPTHS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}


def load_config(file, overrides=()):
    """A configuration file over the defaults, and over it KEY, value, KEY, value, ..."""
    config = yaml.safe_load((ROOT / "configs/defaults.yaml").read_text())
    for section, keys in yaml.safe_load(file.read_text()).items():
        config[section] = {**config[section], **keys} if isinstance(keys, dict) else keys
    if config["MODEL"]["ARCH"] not in TEMPORAL_KERNELS:
        sys.exit(f"{file}: MODEL.ARCH: wanted one of {', '.join(TEMPORAL_KERNELS)}, found {config['MODEL']['ARCH']}")
    for key, value in zip(overrides[::2], overrides[1::2]):
        *section, name = key.split(".")
        (config[section[0]] if section else config)[name] = value
    return config


def conv(c_in, c_out, kernel, stride=(1, 1, 1), dilation=1, groups=1, bias=False):
    padding = (kernel[0] // 2, kernel[1] // 2 * dilation, kernel[2] // 2 * dilation)
    return nn.Conv3d(c_in, c_out, kernel, stride, padding, (1, dilation, dilation), groups, bias)


def sequence(**modules):
    return nn.Sequential(OrderedDict(modules))


def stem(c_in, c_out, temporal_kernel):
    return sequence(conv=conv(c_in, c_out, (temporal_kernel, 7, 7), (1, 2, 2)), bn=nn.BatchNorm3d(c_out),
                    relu=nn.ReLU(inplace=True), pool=nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)))


class ResBlock(nn.Module):
    def __init__(self, c_in, c_out, inner, temporal_kernel, stride, dilation, groups):
        super().__init__()
        if c_in != c_out or stride != 1:
            self.branch1 = conv(c_in, c_out, (1, 1, 1), (1, stride, stride))
            self.branch1_bn = nn.BatchNorm3d(c_out)
        self.branch2 = sequence(
            a=conv(c_in, inner, (temporal_kernel, 1, 1)), a_bn=nn.BatchNorm3d(inner),
            a_relu=nn.ReLU(inplace=True),
            b=conv(inner, inner, (1, 3, 3), (1, stride, stride), dilation, groups), b_bn=nn.BatchNorm3d(inner),
            b_relu=nn.ReLU(inplace=True),
            c=conv(inner, c_out, (1, 1, 1)), c_bn=nn.BatchNorm3d(c_out))

    def forward(self, x):
        shortcut = self.branch1_bn(self.branch1(x)) if hasattr(self, "branch1") else x
        return F.relu(shortcut + self.branch2(x), inplace=True)


class NonLocal(nn.Module):
    def __init__(self, channels, pool, instantiation):
        super().__init__()
        self.softmax = instantiation == "softmax"
        self.pool = nn.MaxPool3d(pool) if max(pool) > 1 else nn.Identity()
        for name in ("theta", "phi", "g"):
            self.add_module(f"conv_{name}", conv(channels, channels // 2, (1, 1, 1), bias=True))
        self.conv_out = conv(channels // 2, channels, (1, 1, 1), bias=True)
        self.bn = nn.BatchNorm3d(channels)

    def forward(self, x):
        pooled = self.pool(x)
        # Matrices of positions x channels for each clip, as they lie in channels-last memory.
        theta, phi, g = (y.flatten(2).transpose(1, 2) for y in
                         (self.conv_theta(x), self.conv_phi(pooled), self.conv_g(pooled)))
        scale = theta.shape[2]**-0.5 if self.softmax else 1 / phi.shape[1]
        affinity = theta * scale @ phi.transpose(1, 2)
        y = (affinity.softmax(2) if self.softmax else affinity) @ g
        return x + self.bn(self.conv_out(y.transpose(1, 2).unflatten(2, x.shape[2:])))


class VideoResNet(nn.Module):
    """Clips of N C T H W by pathway, slow first -> scores, or what stands before the softmax in training."""

    def __init__(self, config):
        super().__init__()
        arch, resnet, slowfast = config["MODEL"]["ARCH"], config["RESNET"], config["SLOWFAST"]
        kernels = TEMPORAL_KERNELS[arch]
        self.pathways = range(len(kernels))
        self.pool = TEMPORAL_POOL.get(arch, 1)
        self.dropout = config["MODEL"]["DROPOUT_RATE"]
        two = len(kernels) == 2
        frames = config["DATA"]["NUM_FRAMES"]
        self.frames = [frames // slowfast["ALPHA"], frames] if two else [frames]
        self.window = config["DATA"]["TRAIN_CROP_SIZE"] // 32  # of the head, which slides over larger crops
        widths = [resnet["WIDTH_PER_GROUP"] // (slowfast["BETA_INV"] if p else 1) for p in self.pathways]
        channels = list(widths)
        self.s1 = nn.ModuleDict({f"pathway{p}_stem": stem(3, widths[p], kernels[p][0][0]) for p in self.pathways})
        for stage, blocks in enumerate(DEPTHS[resnet["DEPTH"]]):
            if two:
                fused = channels[1] * slowfast["FUSION_CONV_CHANNEL_RATIO"]
                self.add_module(f"s{stage + 1}_fuse", sequence(
                    conv_f2s=conv(channels[1], fused, (slowfast["FUSION_KERNEL_SZ"], 1, 1),
                                  (slowfast["ALPHA"], 1, 1)),
                    bn=nn.BatchNorm3d(fused), relu=nn.ReLU(inplace=True)))
                channels[0] += fused
            modules = nn.ModuleDict()
            for p, i in itertools.product(self.pathways, range(blocks)):
                pattern, temporal = kernels[p][stage + 1], resnet["NUM_BLOCK_TEMP_KERNEL"][stage][p]
                c_out = 4 * widths[p] << stage
                modules[f"pathway{p}_res{i}"] = ResBlock(
                    channels[p], c_out, resnet["NUM_GROUPS"] * widths[p] << stage,
                    pattern[i % len(pattern)] if i < temporal else 1,
                    resnet["SPATIAL_STRIDES"][stage][p] if i == 0 else 1, resnet["SPATIAL_DILATIONS"][stage][p],
                    resnet["NUM_GROUPS"])
                channels[p] = c_out
                if i in config["NONLOCAL"]["LOCATION"][stage][p]:
                    modules[f"pathway{p}_nonlocal{i}"] = NonLocal(
                        c_out, config["NONLOCAL"]["POOL"][stage][p], config["NONLOCAL"]["INSTANTIATION"])
            self.add_module(f"s{stage + 2}", modules)
        self.head = nn.ModuleDict({"projection": nn.Linear(sum(channels), config["MODEL"]["NUM_CLASSES"])})

    def logits(self, clips):
        x = list(clips)
        for stage in range(1, 6):
            for p in self.pathways:
                for name, module in getattr(self, f"s{stage}").items():
                    if name.startswith(f"pathway{p}_"):
                        x[p] = module(x[p])
                if stage == 2 and self.pool > 1:
                    x[p] = F.max_pool3d(x[p], (self.pool, 1, 1))
            if len(x) == 2 and stage < 5:
                x[0] = torch.cat([x[0], getattr(self, f"s{stage}_fuse")(x[1])], 1)
        # The whole of time; avg_pool3d, which says the same, knows no bf16 on the CPU.
        y = torch.cat([F.avg_pool2d(clip.mean(2), self.window, 1) for clip in x], 1)
        return self.head["projection"](F.dropout(y.permute(0, 2, 3, 1), self.dropout, self.training))

    def forward(self, clips):
        y = self.logits(clips)
        return y.flatten(1) if self.training else y.softmax(3).mean((1, 2))


def fold(network):
    """Puts the stored statistics of the batch norms into the convolutions that stand before them."""
    for module in network.modules():
        for (name, first), (norm, second) in itertools.pairwise(list(module.named_children())):
            if isinstance(first, nn.Conv3d) and isinstance(second, nn.BatchNorm3d):
                setattr(module, name, nn.utils.fusion.fuse_conv_bn_eval(first, second))
                setattr(module, norm, nn.Identity())


def uniform(name, shape, lo, hi):
    """Counter-based numbers (splitmix64, seeded with FNV-1a of the name), as the reference files have them."""
    def signed(value):  # int64 wraps around
        return (value + 2**63) % 2**64 - 2**63

    def mix(z, shift, factor):
        return (z ^ z >> shift & (1 << 64 - shift) - 1) * signed(factor)

    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 % 2**64
    z = torch.arange(1, math.prod(shape) + 1) * signed(0x9E3779B97F4A7C15) + signed(seed)
    z = mix(mix(mix(z, 30, 0xBF58476D1CE4E5B9), 27, 0x94D049BB133111EB), 31, 1)
    lo, hi = torch.tensor([lo, hi], dtype=torch.float32)
    return (lo + (hi - lo) * ((z >> 40 & 0xFFFFFF).float() * 2**-24)).view(shape)


def counter_weights(state):
    def bound(name, shape):
        if name.endswith("running_var"):
            return 0.5, 1.5
        if name.endswith("weight") and len(shape) == 1:
            return 0.5, 1.0
        if len(shape) < 2:
            return -0.1, 0.1
        b = math.sqrt((3 if len(shape) == 2 else 6) / math.prod(shape[1:]))
        b /= 2 if "branch2.b.weight" in name else 1
        b /= 4 if re.search(r"(branch2\.c|conv_(out|theta|phi|g))\.weight", name) else 1
        return -b, b

    return {name: value if name.endswith("num_batches_tracked") else
            uniform(name, value.shape, *bound(name, value.shape)) for name, value in state.items()}


def counter_clips(name, shape, frames):
    """Counter-based clips of N C T H W by pathway, which differ in their frames."""
    clip = uniform(name, shape, -2, 2)
    return [clip[:, :, torch.linspace(0, shape[2] - 1, t).long()] for t in frames]


def make_network(config, checkpoint):
    network = VideoResNet(config)
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)["model_state"] if checkpoint \
        else counter_weights(network.state_dict())
    network.load_state_dict(state, strict=True)
    return network


class OfTensors(nn.Module):
    """The network on clips that are arguments of their own."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, *clips):
        return self.network(clips)


def with_tensorrt(network, clips, dtype):
    import torch_tensorrt
    run = torch_tensorrt.compile(OfTensors(network).eval(), ir="dynamo", inputs=list(clips), min_block_size=1,
                                 use_explicit_typing=True, disable_tf32=dtype != "tf32")
    return lambda clips: run(*clips)


def arrange(network, clips, mode):
    """Network and clips in the memory layout of the mode, and the network compiled where it says so."""
    if mode in ("channels_last", "compiled"):
        network = network.to(memory_format=torch.channels_last_3d)
        clips = [clip.contiguous(memory_format=torch.channels_last_3d) for clip in clips]
    if mode == "compiled":
        torch._dynamo.reset()  # what was compiled for the case before counts towards a limit
        network = torch.compile(network, dynamic=False,
                                mode="reduce-overhead" if clips[0].is_cuda else "default")
    return network, clips


def make_optimizer(network, config, rate):
    norms = [p for m in network.modules() if isinstance(m, nn.BatchNorm3d) for p in m.parameters()]
    ids = {id(p) for p in norms}
    solver = config["SOLVER"]
    groups = [{"params": norms, "weight_decay": float(config["BN"]["WEIGHT_DECAY"])},
              {"params": [p for p in network.parameters() if id(p) not in ids],
               "weight_decay": float(solver["WEIGHT_DECAY"])}]
    if solver["OPTIMIZING_METHOD"] == "adamw":
        return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.999), eps=1e-8, fused=norms[0].is_cuda or None)
    return torch.optim.SGD(groups, lr=rate, momentum=solver["MOMENTUM"], dampening=solver["DAMPENING"],
                           nesterov=solver["NESTEROV"], fused=norms[0].is_cuda or None)


def train_step(network, clips, labels, optimizer, scaler, precision):
    optimizer.zero_grad()
    with precision:
        loss = F.cross_entropy(network(clips), labels)
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    return loss.detach()


def read(path):
    with safe_open(path, "pt") as file:
        return file.metadata(), {name: file.get_tensor(name) for name in file.keys()}


def check(path, args):
    """(name, largest difference relative to the largest value, its bound) of the numbers of a reference file."""
    metadata, reference = read(path)
    steps = path.with_suffix(".train.safetensors")
    reference |= read(steps)[1] if steps.exists() else {}
    config = load_config(ROOT / metadata["config"], json.loads(metadata.get("opts", "[]")))
    network = make_network(config, args.checkpoint).to(args.device)
    if "input" in metadata:  # that of a full network is counter-based
        shape = [int(n) for n in re.search(r" as \((.*)\)", metadata["input"])[1].split(",")]
        clips = counter_clips(f"{path.stem}.input", shape, network.frames)
    else:
        clips = [reference[f"input.{p}"] for p in network.pathways]
    clips = [clip.to(args.device) for clip in clips]

    def difference(name, found):
        wanted = reference[name].double()
        if wanted.dim() == 5:
            wanted = wanted.mean((1, 2, 3))
        return name, ((found.double().cpu() - wanted).abs().max() / wanted.abs().max()).item()

    eval_ = "" if "output" in reference else "eval."
    scored = copy.deepcopy(network).eval()
    if args.folded:
        fold(scored)
    run, arranged = arrange(scored, clips, args.mode[0])
    with torch.inference_mode():
        yield *difference(eval_ + "output", run(arranged)), 1e-4
        yield *difference(eval_ + "logits", scored.logits(arranged).mean((1, 2))), 1e-4
    if "train.losses" in reference:
        # In float64, as the reference. Batch norms over few values amplify rounding; a forgotten weight decay
        # would put the norms off by 4e-6.
        network, clips = network.double().train(), [clip.double() for clip in clips]
        rest = (reference["train.labels"].to(args.device), make_optimizer(network, config, 0.001),
                torch.amp.GradScaler(args.device, enabled=False), contextlib.nullcontext())
        losses = torch.stack([train_step(network, clips, *rest) for _ in range(3)])
        norms = torch.stack([p.detach().norm() for p in network.parameters()])
        yield *difference("train.losses", losses), 1e-6
        yield *difference("train.param_norms_after3", norms), 1e-8


def check_rows(args):
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    failed = False
    yield "file", "number", "difference", "bound"
    for file in args.files:
        for name, difference, bound in check(file, args):
            failed |= not difference <= bound  # so that NaN fails
            yield file.name, name, f"{difference:.2e}", bound
    if failed:
        sys.exit("torch_networks: differences beyond their bounds")


def median_ms(run, device, repeats):
    times = []
    for i in range(repeats + 4):  # the first ones measure algorithms, compile and record
        if device == "cuda":
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            run()
            end.record()
            end.synchronize()
            times.append(begin.elapsed_time(end))
        else:
            begin = time.perf_counter()
            run()
            times.append((time.perf_counter() - begin) * 1e3)
    return statistics.median(times[4:])


def time_case(network, config, mode, dtype, batch, crop, args):
    network = copy.deepcopy(network).to(args.device).train(args.train)
    clips = [torch.rand(batch, 3, t, crop, crop, device=args.device).mul_(4).sub_(2) for t in network.frames]
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = dtype == "tf32"
    if args.train:
        network, clips = arrange(network, clips, mode)
        labels = torch.arange(batch, device=args.device)
        half = TYPES[dtype] != torch.float32
        state = (make_optimizer(network, config, 1e-4), torch.amp.GradScaler(args.device, enabled=dtype == "f16"),
                 torch.autocast(args.device, TYPES[dtype], enabled=half))
        return median_ms(lambda: train_step(network, clips, labels, *state), args.device, args.repeats)
    if args.folded:
        fold(network)
    half = TYPES[dtype] != torch.float32
    if not args.autocast:
        network, clips = network.to(TYPES[dtype]), [clip.to(TYPES[dtype]) for clip in clips]
    network, clips = arrange(network, clips, mode)
    precision = torch.autocast(args.device, TYPES[dtype], enabled=half and args.autocast)
    # Parts of torch_tensorrt do not know tensors of inference_mode.
    with torch.no_grad() if mode == "tensorrt" else torch.inference_mode(), precision:
        if mode == "tensorrt":
            network = with_tensorrt(network, clips, dtype)
        return median_ms(lambda: network(clips), args.device, args.repeats)


def refusal(mode, args):
    """Why a case is not even tried; None if it is."""
    if mode != "tensorrt":
        return None
    if args.train or args.autocast:
        return "TensorRT is for inference in one type"
    if args.device != "cuda":
        return "TensorRT is for GPUs"
    return None if importlib.util.find_spec("torch_tensorrt") else "TensorRT: torch_tensorrt is not installed"


def time_or_reason(mode, *case):
    """Milliseconds of a case, or why there are none: what PyTorch and those beside it refuse, and lack of memory."""
    args = case[-1]
    reason = refusal(mode, args)
    if not reason:
        try:
            return f"{time_case(case[0], case[1], mode, *case[2:]):.3f}"
        except Exception as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
    if args.device == "cuda":
        torch.cuda.empty_cache()
    return f"not shown: {reason}"


def time_rows(args):
    print("torch", torch.__version__, "cudnn", torch.backends.cudnn.version(), file=sys.stderr)
    device = torch.cuda.get_device_name() if args.device == "cuda" else args.device
    what = "train" if args.train else "infer" + "_folded" * args.folded + "_autocast" * args.autocast
    yield "network", "device", "dtype", "mode", "batch", "crop", "what", "ms"
    for file in args.files:
        config = load_config(file)
        data = config["DATA"]
        crop = args.crop or data["TRAIN_CROP_SIZE" if args.train else "TEST_CROP_SIZE"]
        if args.train:
            data["TRAIN_CROP_SIZE"] = crop
        if crop < data["TRAIN_CROP_SIZE"]:
            sys.exit(f"torch_networks: --crop: wanted at least {data['TRAIN_CROP_SIZE']}, found {crop}")
        network = make_network(config, args.checkpoint)
        for mode, dtype, batch in itertools.product(args.mode, args.dtype, args.batch):
            ms = time_or_reason(mode, network, config, dtype, batch, crop, args)
            yield file.stem, device, dtype, mode, batch, crop, what, ms


def several(of, allowed=None):
    """An option's values, separated by commas in one argument, so that a file behind them is not taken for one."""
    def parse(text):
        values = [of(part) for part in text.split(",")]
        for value in values:
            if allowed and value not in allowed:
                raise argparse.ArgumentTypeError(f"wanted some of {','.join(allowed)}, found {value}")
        return values
    parse.__name__ = of.__name__  # which argparse shows
    return parse


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path, help="configurations, with --check reference files")
    parser.add_argument("--check", action="store_true", help="compare with reference files instead of timing")
    parser.add_argument("--checkpoint", type=Path, help="weights, a .pyth of PySlowFast; else counter-based ones")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--mode", type=several(str, MODES), default=["eager"],
                        help=f"of {','.join(MODES)}; compiled: channels last too, on a GPU replayed as a CUDA graph")
    parser.add_argument("--dtype", type=several(str, TYPES), default=["f32"], help=f"of {','.join(TYPES)}")
    parser.add_argument("--batch", type=several(int), default=[1], help="clips together, as 1,8")
    parser.add_argument("--crop", type=int, help="default: that of testing, with --train that of training")
    parser.add_argument("--folded", action="store_true", help="batch norms folded into the convolutions")
    parser.add_argument("--autocast", action="store_true",
                        help="half types of inference by autocast from float32 weights")
    parser.add_argument("--train", action="store_true", help="a step of training; half types by autocast")
    parser.add_argument("--repeats", type=int, default=10)
    args = parser.parse_args()
    if args.device == "cuda" and not torch.cuda.is_available():
        print("not shown: torch_networks: wanted a CUDA device, found none")
        return
    if args.device == "cpu" and "tf32" in args.dtype:
        sys.exit("torch_networks: --dtype tf32: wanted --device cuda")
    if args.folded and args.train:
        sys.exit("torch_networks: --folded is for inference, not for --train")
    out = csv.writer(sys.stdout)
    for row in check_rows(args) if args.check else time_rows(args):
        out.writerow(row)
        sys.stdout.flush()


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"torch_networks: {error}")
