"""cvt: between integers, floats and packed halves."""

from ..ptx import BITS, C_TYPE, FLOATS, PACKED_FLOATS
from . import translates

# Rounding to an integral value, by its number in round_to_integral().
_INTEGRAL = {"rni": 0, "rzi": 1, "rmi": 2, "rpi": 3}
_DIRECTED = ("rz", "rm", "rp")


@translates("cvt")
def convert(k, i):
    if i.has("pack"):
        return None
    to, from_ = i.types[:2]
    d, a = i.operands[:2]
    rounding = i.first_of("rn", "rna", *_DIRECTED, *_INTEGRAL)
    if to in PACKED_FLOATS:
        return _pack(k, i, rounding) if from_ == "f32" else None
    value = k.value(a, from_)
    if to == "tf32":
        how = rounding if rounding in ("rna", "rn") else "rna"
        return k.put(d, "u32", f"f32_to_tf32_{how}({value})")
    if to == "bf16" and from_ == "f32" and rounding == "rz":
        return k.put(d, "b16", f"bf16_bits_rz({value})")
    if to in FLOATS:
        float_ = _float_from_float if from_ in FLOATS else _float_from_integer
        return k.put(d, to, float_(i, value, rounding))
    if from_ in FLOATS:
        wide = "f64" if from_ == "f64" else "f32"
        how = _INTEGRAL.get(rounding, 1)
        rounded = f"({wide}){value}"
        if how != _INTEGRAL["rzi"]:
            rounded = f"round_to_integral({rounded},{how})"
        return k.put(d, to, f"float_to_integer<{C_TYPE[to]},{wide}>({rounded})")
    return k.put(d, to, _clamped(to, value) if i.has("sat") else value)


def _pack(k, i, rounding):
    d, high, low = i.operands

    def half(operand):
        value = k.value(operand, "f32")
        if i.has("relu"):
            value = f"float_max({value},0.f)"
        if i.type == "f16x2":
            return f"(u32)f16_bits((f16)({value}))"
        return f"(u32){'bf16_bits_rz' if rounding == 'rz' else 'bf16_bits'}({value})"

    return k.put(d, "u32", f"{half(high)}<<16|{half(low)}")


def _float_from_float(i, value, rounding):
    to, from_ = i.types[:2]
    c = "f32" if to == "bf16" else C_TYPE[to]
    if rounding in _INTEGRAL:
        wide = "f64" if from_ == "f64" else "f32"
        value = f"round_to_integral(({wide}){value},{_INTEGRAL[rounding]})"
    elif to == "f32" and from_ == "f64" and rounding in _DIRECTED:
        value = f"f64_to_f32_{rounding}({value})"
    value = f"({c})({value})"
    if i.has("sat"):
        value = f"({c})saturate((f32){value})"
    if i.has("relu"):
        value = f"({c})float_max((f32){value},0.f)"
    return value


def _float_from_integer(i, value, rounding):
    if i.type == "bf16":
        return f"(f32)({value})"
    if i.type == "f32" and rounding in _DIRECTED:
        return f"f64_to_f32_{rounding}((f64){value})"
    return f"({C_TYPE[i.type]})({value})"


def _clamped(type_, value):
    n = BITS[type_]
    low, high = (-(1 << n - 1), (1 << n - 1) - 1) if type_[0] == "s" else (0, (1 << n) - 1)
    return f"clamp((s64){value},{low}ll,{min(high, 2**63 - 1)}ll)"
