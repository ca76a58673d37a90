"""Comparisons and the choices made with them."""

from ..ptx import BITS, FLOATS, PACKED_FLOATS
from . import translates
from .bits import LOGIC

_ORDERED = {
    "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
    "lo": "<", "ls": "<=", "hi": ">", "hs": ">=",
}  # fmt: skip
# Unordered comparisons hold where the opposite ordered one does not.
_UNORDERED = {"equ": "ne", "neu": "eq", "ltu": "ge", "leu": "gt", "gtu": "le", "geu": "lt"}
_CLASSES = {
    "finite": "std::isfinite({})",
    "infinite": "std::isinf({})",
    "number": "!std::isnan({})",
    "notanumber": "std::isnan({})",
    "normal": "std::isnormal({})",
    "subnormal": "(std::fpclassify({})==FP_SUBNORMAL)",
}


def _condition(k, how, type_, a, b):
    if type_ in FLOATS:
        x, y = k.value(a, type_), k.value(b, type_)
        if how == "num":
            return f"({x}=={x}&&{y}=={y})"
        if how == "nan":
            return f"({x}!={x}||{y}!={y})"
        if how in _UNORDERED:
            return "!" + _condition(k, _UNORDERED[how], type_, a, b)
        return f"({x}<{y}||{x}>{y})" if how == "ne" else f"({x}{_ORDERED[how]}{y})"
    if how in ("lo", "ls", "hi", "hs"):
        type_ = "u" + type_[1:]
    return f"({k.value(a, type_)}{_ORDERED[how]}{k.value(b, type_)})"


@translates("setp")
def set_predicate(k, i):
    type_ = i.types[-1]
    if type_ in PACKED_FLOATS:
        return None
    outputs = i.outputs()
    condition = _condition(k, i.modifiers[0], type_, i.operands[1], i.operands[2])
    combine = next((x for x in i.modifiers[1:] if x in LOGIC), None)
    if combine:
        other = f"(bool)(({k.predicate(i.operands[3])}>>l)&1)"
        sign = LOGIC[combine]
        code = (
            f"u32 t_=0,u_=0; for(int l=0;l<32;l++){{ bool c_={condition},q_={other}; "
            f"t_|=(u32)(c_{sign}q_)<<l; u_|=(u32)((!c_){sign}q_)<<l; }} "
        )
    else:
        code = f"u32 t_=0,u_=0; for(int l=0;l<32;l++) t_|=(u32)({condition})<<l; u_=~t_; "
    code += k.put_mask(outputs[0], "t_")
    if len(outputs) > 1:
        code += k.put_mask(outputs[1], "u_")
    return f"{{{code}}}"


@translates("set")
def set_value(k, i):
    result, type_ = i.types
    d, a, b = i.operands[:3]
    condition = _condition(k, i.modifiers[0], type_, a, b)
    combine = next((x for x in i.modifiers[1:] if x in LOGIC), None)
    if combine:
        condition = f"({condition}{LOGIC[combine]}(bool)(({k.predicate(i.operands[3])}>>l)&1))"
    return k.put(d, result, f"{condition}?{'1.0f' if result == 'f32' else '~0u'}:0")


@translates("selp")
def select(k, i):
    d, a, b, p = i.operands
    t = f"b{BITS[i.type]}"
    return k.put(d, t, f"(({k.predicate(p)}>>l)&1)?{k.value(a, t)}:{k.value(b, t)}")


@translates("slct")
def select_by_sign(k, i):
    d, a, b, c = i.operands
    t = f"b{BITS[i.type]}"
    return k.put(d, t, f"{k.value(c, i.types[1])}>=0?{k.value(a, t)}:{k.value(b, t)}")


@translates("testp")
def test_class(k, i):
    d, a = i.operands
    return k.put_bool(d, _CLASSES[i.modifiers[0]].format(k.value(a, i.type)))


@translates("copysign")
def copy_sign(k, i):
    d, a, b = i.operands
    n = BITS[i.type]
    sign = f"((u{n})1<<{n - 1})"
    return k.put(d, f"b{n}", f"({k.raw(a, n)}&{sign})|({k.raw(b, n)}&~{sign})")
