"""Loads, stores, atomics and cp.async."""

from ..ptx import BITS, C_TYPE, PACKED_FLOATS, split_vector
from ..operands import AS_BITS, AS_FLOAT
from . import translates


def _space(i):
    for modifier in i.modifiers:
        name = modifier.split("::")[0]
        if name in ("global", "shared", "local", "const", "param"):
            return name
    return "generic"


@translates("ld", "ldu")
def load(k, i):
    space, t = _space(i), i.types[-1]
    bits = BITS[t]
    destinations, source = split_vector(i.operands[0]), i.operands[1]
    size = bits // 8 * len(destinations)
    c = f"{'s' if t[0] == 's' else 'u'}{bits}"
    if space == "param":
        pointer = k.pointer(space, source, size, False, i.line)
        put_type = t if t[0] == "s" else f"b{bits}"
        return "".join(
            k.put(x, put_type, f"load<{c}>({pointer}+{at * bits // 8})")
            for at, x in enumerate(destinations)
        )
    if bits == 128:
        return None
    # All parts are read before any is written: a destination may be the address register.
    reads = "".join(
        f"{c} v{at}_=load<{c}>(p_+{at * bits // 8}); " for at in range(len(destinations))
    )
    writes = "".join(
        f"{k.register(x)}[l]=(u{k.registers[x]})v{at}_; "
        for at, x in enumerate(destinations)
        if x != "_"
    )
    pointer = k.pointer(space, source, size, False, i.line)
    return f"FOR_ACTIVE {{ char*p_={pointer}; {reads}{writes}}}"


@translates("st")
def store(k, i):
    bits = BITS[i.types[-1]]
    values = split_vector(i.operands[1])
    pointer = k.pointer(_space(i), i.operands[0], bits // 8 * len(values), True, i.line)
    stores = "".join(
        f"store<u{bits}>(p_+{at * bits // 8},{k.raw(x, bits)}); " for at, x in enumerate(values)
    )
    return f"FOR_ACTIVE {{ char*p_={pointer}; {stores}}}"


# New values from the old one c_ and the operands x_ and y_.
_INTEGER_UPDATES = {
    "add": "c_+x_", "min": "c_<x_?c_:x_", "max": "c_>x_?c_:x_", "and": "c_&x_", "or": "c_|x_",
    "xor": "c_^x_", "exch": "x_", "inc": "c_>=x_?0:c_+1", "dec": "(c_==0||c_>x_)?x_:c_-1",
    "cas": "c_==x_?y_:c_",
}  # fmt: skip
_FLOAT_UPDATES = {
    "add": "c_+x_", "min": "float_min(c_,x_)", "max": "float_max(c_,x_)", "exch": "x_",
}  # fmt: skip
_HALF_ADDS = {
    "f16": "f16_bits(to_f16(c_)+to_f16(x_))",
    "bf16": "bf16_bits(bf16_to_f32(c_)+bf16_to_f32(x_))",
    "f16x2": "map_f16x2(c_,x_,[](f16 a,f16 b){return (f16)(a+b);})",
    "bf16x2": "map_bf16x2(c_,x_,[](f32 a,f32 b){return a+b;})",
}


def _update(k, t, how, pointer, x, y):
    """A statement that declares old_ and updates memory; None if there is no such atomic."""
    bits = BITS[t]
    if t in ("f32", "f64"):
        if how not in _FLOAT_UPDATES:
            return None
        new = f"{t} c_={AS_FLOAT[t]}(q_); (void)c_; return {AS_BITS[t]}({_FLOAT_UPDATES[how]});"
        return (
            f"{t} x_={k.value(x, t)}; "
            f"u{bits} old_=atomic_update<u{bits}>({pointer},[&](u{bits} q_){{ {new} }});"
        )
    if t in ("f16", "bf16", *PACKED_FLOATS):
        if how != "add":
            return None
        return (
            f"u{bits} x_={k.raw(x, bits)}; u{bits} old_=atomic_update<u{bits}>({pointer},"
            f"[&](u{bits} c_){{ return (u{bits})({_HALF_ADDS[t]}); }});"
        )
    c = C_TYPE[t]
    second = f"{c} y_={k.value(y, t)}; " if how == "cas" else ""
    return (
        f"{c} x_={k.value(x, t)}; {second}{c} old_=atomic_update<{c}>({pointer},"
        f"[&]({c} c_){{ return ({c})({_INTEGER_UPDATES[how]}); }});"
    )


@translates("atom", "red")
def atomic(k, i):
    how, t = i.first_of(*_INTEGER_UPDATES), i.type
    bits = BITS[t]
    address, value, *second = i.operands[i.name == "atom" :]
    values = split_vector(value)
    if len(values) > 1 and (how != "add" or bits not in (16, 32)):
        return None
    code = ""
    for at, x in enumerate(values):
        pointer = f"p_+{at * bits // 8}"
        update = _update(k, t, how, pointer, x, second[0] if second else None)
        if update is None:
            return None
        old = "(void)old_;"
        if i.name == "atom":
            d = split_vector(i.operands[0])[at]
            if d != "_":
                old = f"{k.register(d)}[l]=(u{k.registers[d]})old_;"
        code += f"{{ {update} {old} }} "
    size = bits // 8
    pointer = k.pointer(_space(i), address, size, True, i.line, atomic=True)
    return f"FOR_ACTIVE {{ char*p_={pointer}; {code}}}"


def copy_async(k, i):
    """cp.async of 4, 8 or 16 bytes, by groups."""
    if i.has("commit_group"):
        return "FOR_ACTIVE w->copy_group[l]++;"
    if i.has("wait_all"):
        return "FOR_ACTIVE w->copy_group[l]++; copy_wait(w,m,0);"
    if i.has("wait_group"):
        return f"copy_wait(w,m,{k.immediate(i.operands[0])});"
    destination, source, size, *rest = i.operands
    if i.has("L2::cache_hint"):
        rest = rest[:-1]
    count = f"{int(size)}u"
    if rest and k.is_predicate(rest[0]):  # ignore-src
        count = f"(({k.predicate(rest[0])}>>l)&1?0u:{count})"
    elif rest:
        count = k.raw(rest[0], 32)
    base, offset = k.address(destination)
    to = f"(u32)({k.raw(base, 32)}+({offset}))"
    from_ = k.global_address(source)
    return f"FOR_ACTIVE copy_async(w,l,{i.line},{to},{from_},{int(size)},{count});"
