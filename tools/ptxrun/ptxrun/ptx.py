"""The words of PTX: types, special registers, comments, operand lists."""

import re


class TranslationError(Exception):
    """PTX that ptxrun does not translate; the message names it."""


BITS = {
    "pred": 1, "b128": 128,
    "b8": 8, "u8": 8, "s8": 8,
    "b16": 16, "u16": 16, "s16": 16, "f16": 16, "bf16": 16,
    "b32": 32, "u32": 32, "s32": 32, "f32": 32, "f16x2": 32, "bf16x2": 32, "tf32": 32,
    "b64": 64, "u64": 64, "s64": 64, "f64": 64,
}  # fmt: skip

# The C++ type that carries a PTX type.
C_TYPE = {
    "b8": "u8", "b16": "u16", "b32": "u32", "b64": "u64",
    "f16": "f16", "bf16": "u16", "f32": "f32", "f64": "f64",
    "f16x2": "u32", "bf16x2": "u32", "tf32": "u32",
    **{t: t for t in ("u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64")},
}  # fmt: skip

FLOATS = ("f16", "bf16", "f32", "f64")
PACKED_FLOATS = ("f16x2", "bf16x2")

# Special registers as expressions over lane l of warp w in CTA C. One CTA is one cluster.
SPECIAL_REGISTERS = {
    "%laneid": "(u32)l",
    "%warpid": "w->index",
    "%nwarpid": "C->warp_count",
    "%smid": "0u",
    "%nsmid": "1u",
    "%gridid": "0u",
    "%lanemask_eq": "(1u<<l)",
    "%lanemask_lt": "((1u<<l)-1)",
    "%lanemask_le": "(((2ull)<<l)-1)",
    "%lanemask_gt": "(~(u32)(((2ull)<<l)-1))",
    "%lanemask_ge": "(~((1u<<l)-1))",
    "%clock": "0u",
    "%clock_hi": "0u",
    "%clock64": "0ull",
    "%globaltimer": "0ull",
    "%dynamic_smem_size": "(C->shared_bytes-STATIC_SHARED)",
    "%total_smem_size": "C->shared_bytes",
    "%cluster_ctarank": "0u",
    "%cluster_nctarank": "1u",
    "%is_explicit_cluster": "0u",
}
for _axis in "xyz":
    SPECIAL_REGISTERS.update({
        f"%tid.{_axis}": f"w->tid_{_axis}[l]",
        f"%ntid.{_axis}": f"C->ntid_{_axis}",
        f"%ctaid.{_axis}": f"C->ctaid_{_axis}",
        f"%nctaid.{_axis}": f"C->nctaid_{_axis}",
        f"%cluster_ctaid.{_axis}": "0u",
        f"%cluster_nctaid.{_axis}": "1u",
        f"%clusterid.{_axis}": f"C->ctaid_{_axis}",
        f"%nclusterid.{_axis}": f"C->nctaid_{_axis}",
    })  # fmt: skip

DYNAMIC = "dynamic"  # the size of an `extern .shared` array


def strip_comments(text):
    """The text without comments, line numbers kept."""
    text = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", "", m.group()), text, flags=re.S)
    return re.sub(r"//[^\n]*", "", text)


def split_operands(text):
    """Splits at commas outside of brackets."""
    parts, depth, start = [], 0, 0
    for at, ch in enumerate(text):
        if ch in "{[(":
            depth += 1
        elif ch in "}])":
            depth -= 1
        elif ch == "," and depth == 0:
            parts.append(text[start:at].strip())
            start = at + 1
    if text[start:].strip():
        parts.append(text[start:].strip())
    return parts


def split_vector(operand):
    """The registers of `{a, b}`, or the operand alone."""
    return [x.strip() for x in operand[1:-1].split(",")] if operand.startswith("{") else [operand]


def matching_brace(text, opening):
    """The index of the brace that closes the one at `opening`."""
    depth = 0
    for at in range(opening, len(text)):
        if text[at] == "{":
            depth += 1
        elif text[at] == "}":
            depth -= 1
            if depth == 0:
                return at
    raise TranslationError("a brace is never closed")


def c_name(name):
    """A C++ identifier for a PTX one."""
    return re.sub(r"[^A-Za-z0-9_]", lambda m: f"_{ord(m.group()):x}_", name)


def known_types(modifiers):
    return [x for x in modifiers if x in BITS]


def declared_parameter(text):
    """(name, type, bytes, alignment, is_array) of a `.param` declaration."""
    m = re.match(r"\.param\s+(.*?)([\w$%]+)(?:\[(\d+)\])?$", " ".join(text.split()))
    modifiers, name, count = m.groups()
    type_ = known_types(re.findall(r"\.(\w+)", modifiers))[0]
    size = BITS[type_] // 8
    # `.ptr .align` speaks of what is pointed to.
    align = None if ".ptr" in modifiers else re.search(r"\.align (\d+)", modifiers)
    return name, type_, size * int(count or 1), int(align.group(1)) if align else size, bool(count)
