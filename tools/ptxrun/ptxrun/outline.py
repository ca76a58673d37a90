"""Instructions as calls of functions, one for each kind of instruction.

A kernel has thousands of instructions, each a loop over 32 lanes, of some dozen kinds. g++ compiles
the loop once a kind; what tells two of a kind apart (registers, numbers, the PTX line) is an
argument.
"""

import re

_VARYING = re.compile(
    r"w->(?P<field>\w+)"
    r"|(?P<bits>\b0x[0-9a-fA-F]+u(?:ll)?\b)"
    r"|(?P<number>\b\d+u?ll\b)"
    r"|\b(?P<local>[au])_\d+\b"
)
# What belongs to the kernel around it.
_NOT_OUTLINED = re.compile(r"\bM\b|STATIC_SHARED|wgmma")


class Functions:
    """The functions of one module."""

    def __init__(self):
        self._names = {}  # by parameters and body

    def call(self, operands, code, mask, line):
        """A statement that does what `code` does, in the lanes of the mask.

        None where the code belongs to its place.
        """
        if _NOT_OUTLINED.search(code):
            return None
        arguments, parameters, places, locals_ = [], [], {}, {}

        def place(argument, type_):
            if argument not in places:
                places[argument] = f"x{len(places)}_"
                arguments.append(argument)
                parameters.append(f"{type_}{places[argument]}")
            return places[argument]

        def replaced(m):
            if m["field"]:
                bits = operands.bits_of_field(m["field"])
                return place(m.group(), _parameter_type(bits)) if bits else m.group()
            if m["local"]:
                return locals_.setdefault(m.group(), f"{m['local']}_{len(locals_)}")
            wide = "u64" if m.group().endswith("ull") else "s64" if m["number"] else "u32"
            return place(m.group(), f"const {wide} ")

        body = _VARYING.sub(replaced, code)
        if any(f"w->{name}[" in body for name in operands.body.call_parameters):
            return None
        function = (",".join(["Warp*w,Cta*C,const u32 m,const int line_", *parameters]), body)
        name = self._names.setdefault(function, f"instruction{len(self._names)}")
        return f"{name}({','.join(['w', 'C', mask, str(line), *arguments])});"

    def definitions(self):
        return "\n".join(
            f"PTXRUN_OUTLINE void {name}({parameters}){{ {_for_full_warps_too(body)} }}"
            for (parameters, body), name in self._names.items()
        )


def _parameter_type(bits):
    # The lanes of two registers never overlap.
    return "u32&" if bits == 1 else f"u{bits}*__restrict "


def _for_full_warps_too(body):
    if "ACTIVE" not in body:
        return body
    variants = (f"{{ constexpr bool FULL={full}; {body} }}" for full in ("true", "false"))
    return "if(m==~0u)" + " else ".join(variants)
