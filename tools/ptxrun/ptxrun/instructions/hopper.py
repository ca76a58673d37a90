"""sm_90a: mbarrier, bulk and tensor copies, wgmma. Clusters are of one CTA."""

import re

from ..ptx import BITS, known_types, split_operands, split_vector
from . import translates
from .matrix import ELEMENT, shape
from .memory import copy_async


@translates("fence")
def fence(_k, i):
    proxy = i.has("proxy") and any(x.startswith("async") for x in i.modifiers)
    return "fence_async_proxy(w);" if proxy else ";"


@translates("mapa")
def map_address(k, i):
    d, a, rank = i.operands
    t = "u64" if i.has("u64") else "u32"
    return (
        f"FOR_ACTIVE if({k.raw(rank, 32)}) "
        f'report(w,l,{i.line},"mapa names a CTA outside this one-CTA cluster",0,0); '
        + k.put(d, t, k.raw(a, BITS[t]))
    )


@translates("getctarank")
def cta_rank(k, i):
    return k.put(i.operands[0], "u32", "0u")


@translates("mbarrier")
def mbarrier(k, i):
    how = i.modifiers[0]
    if how == "pending_count":
        d, state = i.operands
        return k.put(d, "u32", f"(u32)({k.raw(state, 64)}&0xfffff)")
    if how in ("arrive", "arrive_drop"):
        return _arrive(k, i)
    if how in ("try_wait", "test_wait"):
        return _test_wait(k, i)
    at = f"w,l,{i.line},{k.shared_address(i.operands[0], i.modifiers)}"
    if how == "init":
        return f"FOR_ACTIVE mbarrier_init({at},{k.raw(i.operands[1], 32)});"
    if how == "inval":
        return f"FOR_ACTIVE mbarrier_invalidate({at});"
    if how in ("expect_tx", "complete_tx"):
        sign = "-" if how == "complete_tx" else ""
        return f"FOR_ACTIVE mbarrier_transaction({at},{sign}(s64){k.raw(i.operands[1], 32)});"
    return None


def _arrive(k, i):
    state, operands = "_", i.operands
    if not operands[0].startswith("["):
        state, *operands = operands
    barrier = k.shared_address(operands[0], i.modifiers)
    count = k.raw(operands[1], 32) if len(operands) > 1 else "1u"
    expect = i.has("expect_tx")
    options = [
        "1u" if expect else count,
        "true" if expect else "false",
        count if expect else "0u",
        "true" if i.has("noComplete") else "false",
        "true" if i.modifiers[0] == "arrive_drop" else "false",
    ]
    keep = f"{k.register(state)}[l]=(u{k.registers[state]})st_; " if state != "_" else ""
    call = f"mbarrier_arrive(w,l,{i.line},{barrier},{','.join(options)})"
    return f"FOR_ACTIVE {{ u64 st_={call}; (void)st_; {keep}}}"


def _test_wait(k, i):
    d, barrier, phase = i.operands[:3]
    parity = i.has("parity")
    barrier = k.shared_address(barrier, i.modifiers)
    phase = k.raw(phase, 32 if parity else 64)
    test = f"mbarrier_test(w,l,{i.line},{barrier},{'true' if parity else 'false'},{phase})"
    return f"{{u32 t_=0; FOR_ACTIVE {{ if({test}) t_|=1u<<l; }} {k.put_mask(d, 't_')}}}"


@translates("cp")
def copy(k, i):
    if i.has("prefetch"):
        return ";"
    if i.has("bulk"):
        return _bulk(k, i)
    return _copies_arrive(k, i) if i.has("mbarrier") else copy_async(k, i)


def _copies_arrive(k, i):
    """cp.async.mbarrier.arrive: this thread's copies land now."""
    arrive = ""
    if i.has("noinc"):
        barrier = k.shared_address(i.operands[0], i.modifiers)
        arrive = f"mbarrier_arrive(w,l,{i.line},{barrier},1u,false,0u,false,false);"
    return f"FOR_ACTIVE {{ copies_land(w,l); {arrive} }}"


_REDUCTIONS = {
    "f32": "kAddF32", "f16": "kAddF16", "bf16": "kAddBF16", "u32": "kAddU32", "s32": "kAddU32",
    "u64": "kAddU64",
}  # fmt: skip


def _reduction(i):
    """What a bulk copy does with its destination; None if ptxrun cannot."""
    if i.modifiers[0] != "reduce":
        return "kCopy"
    if not i.has("add"):
        return None
    types = known_types(i.modifiers)
    if types:
        return _REDUCTIONS.get(types[0])
    return "kAddByMap" if i.has("tensor") else None


def _bulk(k, i):
    if i.has("commit_group"):
        return "FOR_ACTIVE bulk_commit(w,l);"
    if i.has("wait_group"):
        reads_only = "true" if i.has("read") else "false"
        return f"FOR_ACTIVE bulk_wait(w,l,{k.immediate(i.operands[0])},{reads_only});"
    reduction = _reduction(i)
    if reduction is None:
        return None
    # Source and destination spaces, in the order of the operands.
    spaces = [x.split("::")[0] for x in i.modifiers]
    spaces = [x for x in spaces if x in ("shared", "global")]
    if i.has("tensor"):
        return _tensor(k, i, spaces[0] == "shared", reduction)
    if i.has("cp_mask", "multicast::cluster"):
        return None
    to, from_, size, *rest = i.operands
    if spaces == ["shared", "shared"]:
        kind, shared, other = "kSharedToShared", to, k.shared_address(from_)
    elif spaces[0] == "shared":
        kind, shared, other = "kGlobalToShared", to, k.global_address(from_)
    else:
        kind, shared, other = "kSharedToGlobal", from_, k.global_address(to)
    barrier = k.shared_address(rest[0]) if spaces[0] == "shared" else "0u"
    return (
        f"FOR_ACTIVE bulk_copy(w,l,{i.line},{kind},{reduction},{k.shared_address(shared)},"
        f"{other},{k.raw(size, 32)},{barrier});"
    )


def _tensor(k, i, load, reduction):
    if any(x.startswith(("tile::", "im2col::", "cta_group")) for x in i.modifiers):
        return None
    rank = int(next(x for x in i.modifiers if re.match(r"[1-5]d$", x))[0])
    mode = "kIm2col" if i.has("im2col") else "kIm2colNoOffsets" if i.has("im2col_no_offs") else "kTiled"
    shared, map_ = i.operands[:2] if load else reversed(i.operands[:2])
    rest = i.operands[3 if load else 2 :]
    map_base, coordinates = split_operands(map_.strip()[1:-1])
    base, offset = k.address(f"[{map_base}]")
    if base in k.parameters:
        map_at = f"(u64)(uintptr_t)C->params+{k.parameters[base]}"
    else:
        map_at = k.raw(base, 64)
    taps = []
    if mode == "kIm2col" and load:
        taps, *rest = rest
        taps = split_vector(taps)
    mask = k.raw(rest[0], 16) if i.has("multicast::cluster") else "1u"
    coordinates = ",".join("(s32)" + k.raw(x, 32) for x in split_vector(coordinates.strip()))
    taps = ",".join(k.raw(x, 16) for x in taps) or "0"
    barrier = k.shared_address(i.operands[2]) if load else "0u"
    return (
        f"FOR_ACTIVE {{ const s32 c_[5]={{{coordinates}}}; const u32 o_[3]={{{taps}}}; "
        f"tensor_copy(w,l,{i.line},{rank},{mode},{'true' if load else 'false'},{reduction},"
        f"{k.shared_address(shared)},{barrier},(u64)({map_at})+(s64)({offset}),c_,o_,{mask}); }}"
    )


_WGMMA_DEPTH = {"f16": 16, "bf16": 16, "tf32": 8, "s8": 32}


@translates("wgmma")
def warpgroup_multiply(k, i):
    how = i.modifiers[0]
    if how == "fence":
        return "w->async->fenced=true;"
    if how == "commit_group":
        return "w->async->wgmma_group++;"
    if how == "wait_group":
        return f"wgmma_wait(w,m,{k.immediate(i.operands[0])});"
    if how != "mma_async" or i.has("sp"):
        return None
    _, n, depth = shape(i)
    d_type, a_type, b_type = [x for x in i.modifiers if x in BITS or x in ("e4m3", "e5m2")][:3]
    if a_type != b_type or _WGMMA_DEPTH.get(a_type) != depth or n % 8 or n > 256:
        return None
    if d_type not in ("f32", "f16", "s32") or i.has("satfinite"):
        return None
    d, a, b, *rest = i.operands
    accumulators = split_vector(d)
    if len(accumulators) != (n // 4 if d_type == "f16" else n // 2):
        return None
    scale_d = f"(m&{k.predicate(rest[0])})" if rest else "~0u"
    from_registers = a.startswith("{")
    negate_a, negate_b, transpose_a, transpose_b = _wgmma_flags(
        [k.immediate(x) for x in rest[1:]], a_type, from_registers
    )
    declared = f"u32*const d_[]={{{','.join(map(k.register, accumulators))}}}; "
    if from_registers:
        declared += f"u32*const a_[]={{{','.join(map(k.register, split_vector(a)))}}}; "
    else:
        declared += "u32*const*a_=0; "
    a_descriptor = "0ull" if from_registers else _descriptor(k, a)
    return (
        f"{{ {declared}wgmma_issue(w,m,{i.line},{{{n},{depth},{ELEMENT[a_type]},{ELEMENT[d_type]},"
        f"{len(accumulators)},{a_descriptor},{_descriptor(k, b)},{negate_a}<0,{negate_b}<0,"
        f"(bool)({transpose_a}),(bool)({transpose_b})}},d_,a_,{scale_d}); }}"
    )


def _wgmma_flags(flags, type_, from_registers):
    """(sign of A, sign of B, transpose A, transpose B) of the trailing immediates."""
    negate_a, negate_b, transpose_a, transpose_b = "1", "1", "0", "0"
    if type_ != "s8":
        negate_a, negate_b, *flags = flags
    if type_ in ("f16", "bf16"):
        if from_registers:
            transpose_b = flags[0]
        else:
            transpose_a, transpose_b = flags[:2]
    return negate_a, negate_b, transpose_a, transpose_b


def _descriptor(k, operand):
    if k.is_register(operand):
        return k.register(operand) + "[__builtin_ctz(m)]"
    return k.raw(operand, 64)
