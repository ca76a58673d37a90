"""mov, address spaces, and instructions that change no register."""

from ..ptx import BITS, split_vector
from . import translates


@translates("mov")
def move(k, i):
    d, a = i.operands
    t, n = i.type, BITS[i.type]
    if t == "pred":
        return k.put_mask(d, k.predicate(a))
    if d.startswith("{"):
        parts = split_vector(d)
        bits = n // len(parts)
        whole = f"u_{k.fresh()}"
        puts = "".join(
            k.put(x, f"b{bits}", f"{whole}[l]>>{bits * at}") for at, x in enumerate(parts)
        )
        return f"{{u{n} {whole}[32]; for(int l=0;l<32;l++) {whole}[l]={k.raw(a, n)}; {puts}}}"
    if a.startswith("{"):
        parts = split_vector(a)
        bits = n // len(parts)
        shifted = (
            f"((u{n})(u{bits}){k.raw(x, bits)}<<{bits * at})" for at, x in enumerate(parts)
        )
        return k.put(d, f"b{n}", "|".join(shifted))
    return k.put(d, f"b{n}", k.value(a, f"b{n}"))


# Where a space begins in the generic one.
_SPACE_BASE = {
    "shared": "(u64)C->shared",
    "local": "(u64)(w->local+w->local_bytes*l)",
    "param": "(u64)C->params",
}


@translates("cvta")
def convert_address(k, i):
    d, a = i.operands
    base = _SPACE_BASE.get(i.first_of("global", "shared", "local", "const", "param"))
    address = k.raw(a, 64)
    if base:
        address += ("-" if i.has("to") else "+") + base
    return k.put(d, "u64", address)


@translates("isspacep")
def is_space(k, i):
    d, a = i.operands
    address = k.raw(a, 64)
    shared = f"({address}-(u64)C->shared<C->shared_bytes)"
    local = f"({address}-(u64)w->local<w->local_bytes*32)"
    answers = {"shared": shared, "local": local, "global": f"(!{shared}&&!{local})"}
    return k.put_bool(d, answers.get(i.modifiers[0].split("::")[0], "false"))


@translates("createpolicy")
def create_policy(k, i):
    return k.put(i.operands[0], "b64", "0")


@translates(
    "membar", "prefetch", "prefetchu", "nanosleep", "discard", "applypriority",
    "griddepcontrol", "pmevent", "brkpt", "setmaxnreg",
)  # fmt: skip
def nothing(_k, _i):
    """Hints, and fences between accesses that ptxrun keeps in order anyway."""
    return ";"


@translates("bar")
def warp_barrier(_k, _i):
    """bar.warp.sync; the dispatch has gathered the lanes."""
    return ";"


@translates("trap")
def trap(_k, i):
    return f'report(w,__builtin_ctz(m),{i.line},"trap",0,0);'


@translates("CALL")
def call_runtime(k, i):
    """assert and printf of the device runtime."""
    argument = [f"load<u64>((char*)w->{x}[l])" for x in i.operands]
    if "assert" in i.opcode:
        return f"FOR_ACTIVE device_assert(w,l,{i.line},{argument[0]});"
    result = f"w->{i.operands[0]}[l]"
    return f"FOR_ACTIVE {{ device_printf({argument[1]},{argument[2]}); memset({result},0,4); }}"
