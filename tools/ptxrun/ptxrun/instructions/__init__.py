"""Instructions as C++: a handler a mnemonic.

A handler gets the kernel's operands and the instruction and returns C++, or None for a variant it
does not know. Handlers register themselves with @translates.
"""

from dataclasses import dataclass

from ..ptx import known_types, split_operands

_HANDLERS = {}


@dataclass
class Instruction:
    opcode: str  # "ld.global.v4.f32"
    name: str  # "ld"
    modifiers: list
    types: list
    operands: list
    line = "line_"  # the number of its line in the PTX, in C++

    @classmethod
    def parse(cls, text):
        opcode, _, operands = text.partition(" ")
        name, *modifiers = opcode.split(".")
        return cls(opcode, name, modifiers, known_types(modifiers), split_operands(operands))

    @property
    def type(self):
        return self.types[0] if self.types else None

    def has(self, *modifiers):
        return any(x in self.modifiers for x in modifiers)

    def first_of(self, *choices):
        """The first modifier that is one of the choices, or None."""
        return next((x for x in self.modifiers if x in choices), None)

    def outputs(self):
        """The destinations of `d|p`."""
        return [x.strip() for x in self.operands[0].split("|")]


def translates(*names):
    def register(handler):
        for name in names:
            assert name not in _HANDLERS, name
            _HANDLERS[name] = handler
        return handler

    return register


def translate(operands, instruction):
    handler = _HANDLERS.get(instruction.name)
    return handler(operands, instruction) if handler else None


from . import arithmetic, bits, compare, convert, hopper, matrix, memory, move, warp  # noqa: E402,F401
