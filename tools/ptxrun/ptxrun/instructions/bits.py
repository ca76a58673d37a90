"""Logic, shifts and bit fields."""

from ..ptx import BITS, C_TYPE
from . import translates

LOGIC = {"and": "&", "or": "|", "xor": "^"}


@translates("and", "or", "xor")
def logic(k, i):
    d, a, b = i.operands
    if i.type == "pred":
        return k.put_mask(d, f"{k.predicate(a)}{LOGIC[i.name]}{k.predicate(b)}")
    return k.put(d, i.type, f"{k.value(a, i.type)}{LOGIC[i.name]}{k.value(b, i.type)}")


@translates("not")
def complement(k, i):
    d, a = i.operands
    if i.type == "pred":
        return k.put_mask(d, f"~{k.predicate(a)}")
    return k.put(d, i.type, f"~{k.value(a, i.type)}")


@translates("cnot")
def logical_not(k, i):
    d, a = i.operands
    return k.put(d, i.type, f"{k.value(a, i.type)}==0")


@translates("shl")
def shift_left(k, i):
    d, a, b = i.operands
    n = BITS[i.type]
    return k.put(d, i.type, f"shift_left<u{n}>({k.raw(a, n)},{k.raw(b, 32)})")


@translates("shr")
def shift_right(k, i):
    d, a, b = i.operands
    t = f"{'s' if i.type.startswith('s') else 'u'}{BITS[i.type]}"
    return k.put(d, t, f"shift_right<{t}>({k.value(a, t)},{k.raw(b, 32)})")


@translates("shf")
def funnel_shift(k, i):
    d, low, high, count = i.operands
    count = k.raw(count, 32)
    count = f"({count}&31)" if i.has("wrap") else f"integer_min<u32>({count},32)"
    both = f"((u64){k.raw(high, 32)}<<32|{k.raw(low, 32)})"
    shifted = f"(({both}<<{count})>>32)" if i.has("l") else f"({both}>>{count})"
    return k.put(d, "b32", f"(u32){shifted}")


@translates("bfe")
def bit_field_extract(k, i):
    d, a, position, length = i.operands
    arguments = f"{k.value(a, i.type)},{k.raw(position, 32)},{k.raw(length, 32)}"
    return k.put(d, i.type, f"bit_field_extract<{C_TYPE[i.type]}>({arguments})")


@translates("bfi")
def bit_field_insert(k, i):
    d, a, b, position, length = i.operands
    values = f"{k.value(a, i.type)},{k.value(b, i.type)}"
    where = f"{k.raw(position, 32)},{k.raw(length, 32)}"
    return k.put(d, i.type, f"bit_field_insert<u{BITS[i.type]}>({values},{where})")


@translates("brev")
def reverse(k, i):
    d, a = i.operands
    return k.put(d, i.type, f"reverse_bits({k.value(a, i.type)})")


@translates("clz")
def leading_zeros(k, i):
    d, a = i.operands
    return k.put(d, "u32", f"leading_zeros({k.value(a, i.type)})")


@translates("popc")
def population(k, i):
    d, a = i.operands
    return k.put(d, "u32", f"__builtin_popcountll({k.value(a, i.type)})")


@translates("bfind")
def highest_bit(k, i):
    d, a = i.operands
    name = "highest_bit_shift" if i.has("shiftamt") else "highest_bit"
    return k.put(d, "u32", f"{name}({k.value(a, i.type)})")


@translates("prmt")
def permute_bytes(k, i):
    if len(i.modifiers) != 1:
        return None
    d, *rest = i.operands
    return k.put(d, "b32", f"permute_bytes({','.join(k.raw(x, 32) for x in rest)})")


@translates("lop3")
def logic_of_three(k, i):
    d, *rest = i.operands
    return k.put(d, "b32", f"logic_of_three({','.join(k.raw(x, 32) for x in rest[:4])})")
