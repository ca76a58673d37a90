"""One kernel as C++: its warp's registers, a function a basic block, a row of the kernel table."""

import math
import re

from . import blocks
from .operands import Operands
from .ptx import DYNAMIC, TranslationError, c_name, declared_parameter, split_operands
from .statements import Body

DYNAMIC_SHARED_ALIGN = 128  # at least; what hardware gives
MAX_THREADS = 1024


def emit(module, name, c, entry):
    """(C++ code, initializer of its KernelInfo), whose C++ names begin with c.

    Throws TranslationError.
    """
    _refuse_clusters(entry.head)
    parameters, parameter_bytes = _parameters(name, entry.head)
    body = Body(module, entry.body, entry.line)
    instructions = " ".join(x.text for x in body.statements if not x.is_label)
    used = set(re.findall(r"[\w%$]+", instructions))
    shared_offsets, shared_bytes = _shared_layout(module, body, used)
    local_offsets, local_bytes = _local_layout(body)
    offsets = {p[0]: p[1] for p in parameters}
    operands = Operands(body, offsets, shared_offsets, local_offsets)

    functions, dispatch = blocks.emit(c, operands, body, entry.line)
    code = "\n".join([
        _warp_struct(c, operands, used),
        f"#undef STATIC_SHARED\n#define STATIC_SHARED {shared_bytes}u",
        functions,
        _run_function(c, dispatch),
        _tables(c, operands, used, parameters),
    ])  # fmt: skip
    row = (
        f'{{"{name}",{c}_run,{c}_make,{c}_poison,{c}_free,{shared_bytes},{local_bytes},'
        f"{_max_threads(entry.head)},{parameter_bytes},{len(parameters)},{c}_offsets,{c}_sizes,{c}_types}}"
    )
    return code, row


def _refuse_clusters(head):
    m = re.search(r"\.reqnctapercluster\s+([\d,\s]+)", head)
    if m and any(int(x) != 1 for x in m.group(1).split(",") if x.strip()):
        raise TranslationError("clusters of more than one CTA")


def _max_threads(head):
    m = re.search(r"\.(?:maxntid|reqntid)\s+([\d,\s]+)", head)
    return math.prod(int(x) for x in m.group(1).split(",")) if m else MAX_THREADS


def _parameters(name, head):
    """[(name, offset, bytes, type or "blob")] and the size of all."""
    rows, offset = [], 0
    if m := re.search(r"\((.*)\)", head[head.index(name) + len(name) :], re.S):
        for text in split_operands(m.group(1)):
            parameter, type_, size, align, is_array = declared_parameter(text)
            offset = _align(offset, align)
            rows.append((parameter, offset, size, "blob" if is_array else type_))
            offset += size
    return rows, offset


def _align(offset, alignment):
    return (offset + alignment - 1) // alignment * alignment


def _shared_layout(module, body, used):
    """Offsets of the shared variables a kernel sees, and the size of the static ones."""
    offsets, size = {}, 0
    allocations = {**module.shared, **body.shared}
    for name, allocation in allocations.items():
        if allocation.size != DYNAMIC and (name in body.shared or name in used):
            offsets[name] = _align(size, allocation.align)
            size = offsets[name] + allocation.size
    dynamic = {n: a for n, a in allocations.items() if a.size == DYNAMIC}
    if dynamic:
        size = _align(size, max([DYNAMIC_SHARED_ALIGN] + [a.align for a in dynamic.values()]))
        offsets.update({name: size for name in dynamic})
    return offsets, size


def _local_layout(body):
    offsets, size = {}, 0
    for name, allocation in body.local.items():
        offsets[name] = _align(size, allocation.align)
        size = offsets[name] + allocation.size
    return offsets, _align(size, 16)


def _warp_struct(c, operands, used):
    fields = []
    for name, bits in operands.registers.items():
        if name not in used and name not in operands.implicit:
            continue
        lanes = f"alignas(64) u{bits} {c_name(name)}[32];"
        fields.append(f"u32 {c_name(name)};" if bits == 1 else lanes)
    for name, size in operands.body.call_parameters.items():
        fields.append(f"alignas(16) u8 {name}[32][{_align(size, 16)}];")
    return "\n".join([f"struct {c}_W: Warp {{", *fields, "};"])


def _run_function(c, dispatch):
    """Runs a warp until it ends (0) or all its lanes wait (1)."""
    return f"""static int {c}_run(Warp*warp){{
{c}_W*w=({c}_W*)warp; Cta*C=w->cta; u32 M; int pc; u64 executed=0; u32 steps=0;
wake_yielded(w);
sched: if(!pick_group(w,&pc,&M)){{ g_instructions+=executed; return w->live!=0; }}
for(;;){{ switch(pc){{
{dispatch}
}}
if(__builtin_expect(++steps>kStepsBeforeYield,0)){{ steps=0; C->progress++; push_group(w,pc,M,kYielded); goto sched; }}
if(w->group_count){{ push_group(w,pc,M,kRunnable); goto sched; }} }} }}"""


def _tables(c, operands, used, parameters):
    has_wgmma = any(word.startswith("wgmma") for word in used)
    # wgmma results are found in registers by their tags; other kernels need no list.
    tagged = [
        f"(u32)offsetof({c}_W,{c_name(name)})"
        for name, bits in operands.registers.items()
        if has_wgmma and bits == 32 and name in used
    ]
    offsets = ",".join([str(p[1]) for p in parameters] + ["0"])
    sizes = ",".join([str(p[2]) for p in parameters] + ["0"])
    types = ",".join([f'"{p[3]}"' for p in parameters] + ["0"])
    return f"""static const u32 {c}_tagged[]={{{",".join([*tagged, "0"])}}};
static Warp* {c}_make(){{ auto*w=new {c}_W; w->tagged_registers={c}_tagged; w->tagged_count={len(tagged)}; return w; }}
static void {c}_free(Warp*w){{ delete ({c}_W*)w; }}
static void {c}_poison(Warp*w){{ memset((char*)w+sizeof(Warp),0xcd,sizeof({c}_W)-sizeof(Warp)); }}
static const u32 {c}_offsets[]={{{offsets}}}; static const u32 {c}_sizes[]={{{sizes}}};
static const char*const {c}_types[]={{{types}}};"""
