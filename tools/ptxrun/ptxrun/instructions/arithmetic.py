"""add, mul, fma and their kin on integers, floats and packed halves."""

from ..ptx import BITS, C_TYPE, FLOATS, PACKED_FLOATS
from . import translates

# Rounding of results that are computed in double; nearest is the host's own.
ROUNDING = {"rz": 1, "rm": 2, "rp": 3}
_SIGN = {"add": "+", "sub": "-", "mul": "*"}


def directed_rounding(i):
    return ROUNDING.get(i.first_of("rn", *ROUNDING), 0)


def _saturated(i, expression):
    return f"saturate({expression})" if i.has("sat") and i.type == "f32" else expression


def map_packed(type_, a, b, function):
    """Both halves of packed operands through function(element type) -> C++ of x and y."""
    element = "f16" if type_ == "f16x2" else "f32"
    result = function(element)
    name = "map_f16x2" if type_ == "f16x2" else "map_bf16x2"
    return f"{name}({a},{b},[]({element} x,{element} y){{return ({element})({result});}})"


@translates("add", "sub")
def add(k, i):
    if i.has("cc"):
        return with_carry(k, i)
    sign, t = _SIGN[i.name], i.type
    if t in PACKED_FLOATS:
        return _packed(k, i, lambda _: f"x{sign}y")
    d, a, b = i.operands
    if t in FLOATS:
        return k.put(d, t, _float_sum_or_product(k, i, sign))
    if i.has("sat"):
        return k.put(d, t, f"saturate_s32((s64){k.value(a, t)}{sign}(s64){k.value(b, t)})")
    n = BITS[t]
    return k.put(d, t, f"(u{n})({k.raw(a, n)}{sign}{k.raw(b, n)})")


@translates("mul")
def mul(k, i):
    if i.type in PACKED_FLOATS:
        return _packed(k, i, lambda _: "x*y")
    if i.type in FLOATS:
        return k.put(i.operands[0], i.type, _float_sum_or_product(k, i, "*"))
    return integer_multiply(k, i)


def _float_sum_or_product(k, i, sign):
    _, a, b = i.operands
    x, y = k.value(a, i.type), k.value(b, i.type)
    rounding = directed_rounding(i)
    if rounding and i.type == "f32":
        return _saturated(i, f"directed<{rounding}>((f64){x}{sign}(f64){y})")
    return _saturated(i, f"{x}{sign}{y}")


def _packed(k, i, function):
    d, a, b = i.operands
    return k.put(d, "u32", map_packed(i.type, k.value(a, "b32"), k.value(b, "b32"), function))


@translates("mad", "mul24", "mad24")
def mad(k, i):
    if i.has("cc"):
        return with_carry(k, i)
    return fma(k, i) if i.type in FLOATS else integer_multiply(k, i)


def integer_multiply(k, i):
    d, t, n = i.operands[0], i.type, BITS[i.type]
    a, b = k.value(i.operands[1], t), k.value(i.operands[2], t)
    if "24" in i.name:
        a, b = (f"(({C_TYPE[t]})({x}<<8)>>8)" for x in (a, b))
    accumulate = i.name.startswith("mad")
    if i.has("wide"):
        wide = t[0] + str(2 * n)
        sum_ = f"+{k.raw(i.operands[3], 2 * n)}" if accumulate else ""
        return k.put(d, wide, f"(u{2 * n})(({wide}){a}*({wide}){b}){sum_}")
    if i.has("hi"):
        product = f"multiply_high({a},{b})"
    else:
        w = max(n, 32)  # narrower factors would be promoted to int and overflow
        product = f"(u{n})((u{w})({a})*(u{w})({b}))"
    if accumulate:
        product = f"(u{n})({product})+{k.raw(i.operands[3], n)}"
    return k.put(d, t, product)


@translates("fma")
def fma(k, i):
    d, t = i.operands[0], i.type
    if t in PACKED_FLOATS:
        factors = ",".join(k.value(x, "b32") for x in i.operands[1:4])
        result = f"{'fma_f16x2' if t == 'f16x2' else 'fma_bf16x2'}({factors})"
        if i.has("relu"):
            result = map_packed(t, result, "0u", lambda _: "float_max(x,y)")
        return k.put(d, "u32", result)
    a, b, c = (k.value(x, t) for x in i.operands[1:4])
    if t == "f32":
        if rounding := directed_rounding(i):
            return k.put(
                d, t, _saturated(i, f"directed<{rounding}>((f64){a}*(f64){b}+(f64){c})")
            )
        return k.put(d, t, _saturated(i, f"__builtin_fmaf({a},{b},{c})"))
    if t == "f64":
        return k.put(d, t, f"__builtin_fma({a},{b},{c})")
    result = f"{'fma_f16' if t == 'f16' else 'fma_bf16'}({a},{b},{c})"
    if i.has("relu"):
        result = f"({'f16' if t == 'f16' else 'f32'})float_max((f32){result},0.f)"
    return k.put(d, t, result)


@translates("addc", "subc", "madc")
def with_carry(k, i):
    """Extended precision: .cc sets the carry, the c forms add it."""
    n = BITS[i.type]
    wide = "u128" if n == 64 else "u64"
    d, *rest = i.operands
    a, b = k.raw(rest[0], n), k.raw(rest[1], n)
    if i.name.startswith("mad"):
        signed = k.value(rest[0], i.type), k.value(rest[1], i.type)
        product = f"(u{n})({a}*{b})" if i.has("lo") else "multiply_high({},{})".format(*signed)
        value = f"({wide})(u{n}){product}+({wide}){k.raw(rest[2], n)}"
    else:
        value = f"({wide}){a}{'-' if i.name.startswith('sub') else '+'}({wide}){b}"
    if i.name.endswith("c"):
        value += ("-" if i.name.startswith("sub") else "+") + "((carry_>>l)&1)"
    k.registers["%carry"] = 1
    k.implicit.add("%carry")
    flag = k.register("%carry")
    keep = f"{flag}=({flag}&~m)|(next_&m);" if i.has("cc") else ""
    return (
        f"{{u32 carry_={flag},next_=0; u{n} r_[32]; for(int l=0;l<32;l++){{ {wide} x_={value}; "
        f"r_[l]=(u{n})x_; next_|=(u32)((x_>>{n})&1)<<l; }} {keep} {k.put(d, f'b{n}', 'r_[l]')}}}"
    )


@translates("div", "rem")
def div(k, i):
    d, a, b = i.operands
    t = i.type
    x, y = k.value(a, t), k.value(b, t)
    if t in FLOATS:
        return k.put(d, t, f"{x}/{y}" if i.name == "div" else f"fmod({x},{y})")
    name = "divide" if i.name == "div" else "remainder"
    return k.put(d, t, f"{name}<{C_TYPE[t]}>({x},{y})")


@translates("min", "max")
def extremum(k, i):
    d, a, b = i.operands[:3]
    t = i.type
    if t in PACKED_FLOATS:
        return _packed(k, i, lambda _: f"float_{i.name}((f32)x,(f32)y)")
    x, y = k.value(a, t), k.value(b, t)
    if t not in FLOATS:
        result = f"integer_{i.name}<{C_TYPE[t]}>({x},{y})"
        return k.put(d, t, f"integer_max<s32>(0,{result})" if i.has("relu") else result)
    c = "f64" if t == "f64" else "f32"
    result = f"float_{i.name}(({c}){x},({c}){y})"
    if i.has("NaN"):
        result = f"(({x}!={x}||{y}!={y})?({c})NAN:{result})"
    return k.put(d, t, f"(f16)({result})" if t == "f16" else result)


@translates("neg")
def neg(k, i):
    d, a = i.operands
    t, n = i.type, BITS[i.type]
    if t in PACKED_FLOATS:
        return k.put(d, "u32", f"{k.value(a, 'b32')}^0x80008000u")
    if t in FLOATS:
        return k.put(d, f"b{n}", f"{k.raw(a, n)}^((u{n})1<<{n - 1})")
    return k.put(d, t, f"(u{n})0-{k.raw(a, n)}")


@translates("abs")
def absolute(k, i):
    d, a = i.operands
    t, n = i.type, BITS[i.type]
    if t in PACKED_FLOATS:
        return k.put(d, "u32", f"{k.value(a, 'b32')}&0x7fff7fffu")
    if t in FLOATS:
        return k.put(d, f"b{n}", f"{k.raw(a, n)}&~((u{n})1<<{n - 1})")
    return k.put(d, t, f"{k.value(a, t)}<0?(u{n})0-{k.raw(a, n)}:{k.raw(a, n)}")


@translates("sad")
def sum_of_absolute_difference(k, i):
    d, a, b, c = i.operands
    x, y, z = (k.value(operand, i.type) for operand in (a, b, c))
    return k.put(d, i.type, f"({x}>{y}?{x}-{y}:{y}-{x})+{z}")


@translates("dp4a")
def dot_of_bytes(k, i):
    d, a, b, c = i.operands
    x, y, z = (k.raw(operand, 32) for operand in (a, b, c))
    bytes_ = ",".join("s8" if t == "s32" else "u8" for t in i.types[:2])
    return k.put(d, "s32", f"dot_bytes<{bytes_}>({x},{y},{z})")


_FUNCTIONS = {
    "f32": {
        "rcp": "1.f/{}", "sqrt": "sqrtf({})", "rsqrt": "1.f/sqrtf({})", "ex2": "exp2f({})",
        "lg2": "log2f({})", "sin": "sinf({})", "cos": "cosf({})", "tanh": "tanhf({})",
    },
    "f64": {"rcp": "1.0/{}", "sqrt": "sqrt({})", "rsqrt": "1.0/sqrt({})"},
    "f16": {"ex2": "(f16)exp2f((f32){})", "tanh": "(f16)tanhf((f32){})"},
    "bf16": {"ex2": "exp2f({})", "tanh": "tanhf({})"},
}  # fmt: skip
_DIRECTED_FUNCTIONS = {"rcp": "1.0/(f64){}", "sqrt": "sqrt((f64){})"}


@translates("rcp", "sqrt", "rsqrt", "ex2", "lg2", "sin", "cos", "tanh")
def function_of_one(k, i):
    d, a = i.operands
    t, rounding = i.type, directed_rounding(i)
    if t in PACKED_FLOATS:
        call = {"ex2": "exp2f((f32)x)", "tanh": "tanhf((f32)x)"}.get(i.name)
        result = call and map_packed(t, k.value(a, "b32"), "0u", lambda _: call)
        return k.put(d, "u32", result) if result else None
    if rounding and t == "f32" and i.name in _DIRECTED_FUNCTIONS:
        exact = _DIRECTED_FUNCTIONS[i.name].format(k.value(a, t))
        return k.put(d, t, f"directed<{rounding}>({exact})")
    template = _FUNCTIONS.get(t, {}).get(i.name)
    return k.put(d, t, template.format(k.value(a, t))) if template else None
