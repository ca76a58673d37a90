"""ldmatrix, stmatrix, mma.sync and wmma."""

import re

from ..ptx import split_vector
from . import translates

ELEMENT = {
    "f16": "kF16", "bf16": "kBF16", "tf32": "kTF32", "s8": "kS8", "u8": "kU8",
    "f32": "kF32", "s32": "kS32",
}  # fmt: skip
_MMA_DEPTHS = {"f16": (8, 16), "bf16": (8, 16), "tf32": (4, 8), "s8": (16, 32), "u8": (16, 32)}


def shape(i):
    """(m, n, k) of `m16n8k16`."""
    for modifier in i.modifiers:
        if m := re.match(r"m(\d+)n(\d+)k(\d+)$", modifier):
            return tuple(map(int, m.groups()))
    return None


def registers(k, operand, name):
    """Statements that declare an array of pointers to the operand's registers."""
    before, pointers = "", []
    for x in split_vector(operand):
        if k.is_register(x):
            pointers.append(k.register(x))
        else:  # a constant
            array, lanes = k.lanes(x)
            before += array
            pointers.append(lanes)
    return f"{before}u32*const {name}[]={{{','.join(pointers)}}};"


@translates("ldmatrix", "stmatrix")
def move_matrices(k, i):
    if not i.has("m8n8") or not i.has("b16"):
        return None
    load = i.name == "ldmatrix"
    fragment, address = i.operands if load else reversed(i.operands)
    count = i.first_of("x1", "x2", "x4")[1]
    base, offset = k.address(address)
    array, lanes = k.lanes(base)
    transposed = "true" if i.has("trans") else "false"
    function = "load_matrices" if load else "store_matrices"
    return (
        f"{{{array} {registers(k, fragment, 'd_')} "
        f"{function}(w,m,{count},{transposed},{lanes},{offset}ll,d_,{i.line});}}"
    )


@translates("mma")
def multiply(k, i):
    m, n, depth = shape(i)
    _, a, b, c = i.types[:4]
    row = i.modifiers.index("row") if i.has("row") else None
    if (m, n) != (16, 8) or row is None or i.modifiers[row + 1] != "col":
        return None
    if b not in ELEMENT or c not in ("f32", "f16", "s32") or depth not in _MMA_DEPTHS.get(a, ()):
        return None
    d, *factors = i.operands[:4]
    declared = "".join(registers(k, x, f"{name}_") for x, name in zip(factors, "abc"))
    types = f"{ELEMENT[a]},{ELEMENT[b]},{ELEMENT[c]}"
    return (
        f"{{{declared}{registers(k, d, 'd_')} "
        f"matrix_multiply(w,m,{depth},{types},a_,b_,c_,d_,{i.line});}}"
    )


@translates("wmma")
def warp_matrix(k, i):
    return _wmma_multiply(k, i) if i.modifiers[0] == "mma" else _wmma_move(k, i)


def _wmma_move(k, i):
    m, n, depth = shape(i)
    how, fragment = i.modifiers[:2]
    rows, columns = {"a": (m, depth), "b": (depth, n), "c": (m, n), "d": (m, n)}[fragment]
    layout, t = i.first_of("row", "col"), i.types[-1]
    if t not in ELEMENT:
        return None
    values, address = i.operands[:2] if how == "load" else reversed(i.operands[:2])
    dense = str(columns if layout == "row" else rows)
    stride = i.operands[2] if len(i.operands) > 2 else dense
    base, offset = k.address(address)
    address_array, addresses = k.lanes(base, "u64")
    stride_array, strides = k.lanes(stride)
    shared = "true" if i.has("shared") else "false"
    column_major = "true" if layout == "col" else "false"
    return (
        f"{{{address_array}{stride_array}{registers(k, values, 'd_')} "
        f"wmma_{how}(w,m,{{{rows},{columns},{column_major},{ELEMENT[t]},{shared},{addresses}[0]+"
        f"(u64)({offset}),{strides}[0]}},{len(split_vector(values))},d_,{i.line});}}"
    )


def _wmma_multiply(k, i):
    d, a, c = i.types[0], "f16", i.types[-1]
    if len(i.types) > 2:
        a = i.types[1]
    declared = "".join(
        registers(k, x, f"{name}_") for x, name in zip(i.operands[:4], ("d", "a", "b", "c"))
    )
    sizes = ",".join(map(str, shape(i)))
    types = f"{ELEMENT[a]},{ELEMENT[c]},{ELEMENT[d]}"
    return f"{{{declared} wmma_multiply(w,m,{sizes},{types},a_,b_,c_,d_,{i.line});}}"
