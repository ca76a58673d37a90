"""Instructions over the lanes of a warp."""

from ..ptx import BITS, C_TYPE
from . import translates

_SHUFFLES = {"up": 0, "down": 1, "bfly": 2, "idx": 3}
_VOTES = {
    "all": "(m&~{0})==0?~0u:0u",
    "any": "(m&{0})?~0u:0u",
    "uni": "((m&{0})==0||(m&~{0})==0)?~0u:0u",
}
_REDUCTIONS = {
    "add": "a_+x_", "min": "x_<a_?x_:a_", "max": "x_>a_?x_:a_",
    "and": "a_&x_", "or": "a_|x_", "xor": "a_^x_",
}  # fmt: skip


@translates("shfl")
def shuffle(k, i):
    outputs = i.outputs()
    arrays, names = zip(*(k.lanes(x) for x in i.operands[1:4]))
    how = _SHUFFLES[i.first_of(*_SHUFFLES)]
    predicate = k.put_mask(outputs[1], "pv_") if len(outputs) > 1 else ""
    return (
        f"{{{''.join(arrays)} u32 pv_=shuffle(w,m,{how},{','.join(names)},"
        f"{k.register(outputs[0])},{i.line}); (void)pv_; {predicate}}}"
    )


@translates("vote")
def vote(k, i):
    d, p = i.operands[:2]
    how = i.first_of("ballot", *_VOTES)
    votes = f"({k.predicate(p)})"
    if how == "ballot":
        return k.put(d, "b32", f"(m&{votes})")
    return k.put_mask(d, _VOTES[how].format(votes))


@translates("match")
def match(k, i):
    outputs = i.outputs()
    array, name = k.lanes(i.operands[1], f"u{BITS[i.type]}")
    if i.modifiers[0] == "any":
        put = k.put(outputs[0], "b32", "r_[l]")
        return f"{{{array} u32 r_[32]; FOR_ACTIVE r_[l]=equal_lanes({name},m,l); {put}}}"
    put = k.put(outputs[0], "b32", "e_?m:0u")
    if len(outputs) > 1:
        put += k.put_mask(outputs[1], "e_?~0u:0u")
    return (
        f"{{{array} bool e_=true; FOR_ACTIVE e_=e_&&{name}[l]=={name}[__builtin_ctz(m)]; {put}}}"
    )


@translates("redux")
def reduce(k, i):
    c, value = C_TYPE[i.type], k.value(i.operands[1], i.type)
    combine = _REDUCTIONS[i.first_of(*_REDUCTIONS)]
    return (
        f"{{ {c} a_; {{ int l=__builtin_ctz(m); a_={value}; }} "
        f"{{ const u32 rest_=m&(m-1); const u32 m=rest_; "
        f"FOR_ACTIVE {{ {c} x_={value}; a_={combine}; }} }} "
        f"{k.put(i.operands[0], i.type, 'a_')}}}"
    )


@translates("activemask")
def active_mask(k, i):
    return k.put(i.operands[0], "b32", "m")


@translates("elect")
def elect(k, i):
    leader, predicate = i.outputs()
    return k.put(leader, "b32", "__builtin_ctz(m)") + k.put_mask(predicate, "m&-m")
