"""Operands of a kernel's instructions as C++ expressions over lane l.

In generated code w is the warp, C its CTA, l a lane and m the lanes that execute.
"""

import re

from .ptx import BITS, C_TYPE, FLOATS, SPECIAL_REGISTERS, TranslationError, c_name

# Reads the bits of a register as a floating-point value, and back.
AS_FLOAT = {"f32": "to_f32", "f64": "to_f64", "f16": "to_f16", "bf16": "bf16_to_f32"}
AS_BITS = {"f32": "f32_bits", "f64": "f64_bits", "f16": "f16_bits", "bf16": "bf16_bits"}

_ADDRESS = re.compile(r"^\[\s*([%$\w.]+)\s*(?:\+\s*(-?\w+))?\s*\]$")


class Operands:
    """What names mean inside one kernel."""

    def __init__(self, body, parameters, shared_offsets, local_offsets):
        self.body = body
        self.registers = body.registers
        self.parameters = parameters  # offsets by name
        self.shared_offsets = shared_offsets
        self.local_offsets = local_offsets
        self._fields = {}  # bits of registers by their C++ name, as far as used
        self.implicit = set()  # registers that no instruction names: the carry flag

    def fresh(self):
        return self.body.fresh()

    # Reading

    def is_register(self, operand):
        return operand in self.registers

    def is_predicate(self, operand):
        return self.registers.get(operand.lstrip("!")) == 1

    def register(self, operand):
        """The array of a register's lanes (or the mask of a predicate)."""
        name = c_name(operand)
        self._fields[name] = self.registers[operand]
        return "w->" + name

    def bits_of_field(self, name):
        """Of the register that this field of the warp holds; None for other fields."""
        return self._fields.get(name)

    def raw(self, operand, bits):
        """An unsigned expression of the given width."""
        if not self.is_register(operand):
            return f"(u{bits})({self.immediate(operand)})"
        if self.registers[operand] == 1:
            raise TranslationError("predicate used as data: " + operand)
        lane = self.register(operand) + "[l]"
        return lane if self.registers[operand] == bits else f"(u{bits}){lane}"

    def immediate(self, operand):
        if operand in SPECIAL_REGISTERS:
            return SPECIAL_REGISTERS[operand]
        if operand.startswith(("%envreg", "%pm")):
            return "0u"
        if re.match(r"^0[fF][0-9a-fA-F]{8}$", operand):
            return f"0x{operand[2:]}u"
        if re.match(r"^0[dD][0-9a-fA-F]{16}$", operand):
            return f"0x{operand[2:]}ull"
        if re.match(r"^-?(0[xX][0-9a-fA-F]+|\d+)U?$", operand):
            value = int(operand.rstrip("U"), 8 if re.match(r"^-?0\d", operand) else 0)
            return f"{value}ll" if -(2**63) <= value < 2**63 else f"{value & (2**64 - 1)}ull"
        if operand == "WARP_SZ":
            return "32"
        if m := re.match(r"^([\w$%.]+)\s*\+\s*(-?\d+)$", operand):
            return f"({self.immediate(m.group(1))}+{m.group(2)})"
        for offsets in (self.shared_offsets, self.local_offsets, self.parameters):
            if operand in offsets:
                return f"{offsets[operand]}ll"
        if operand in self.body.module.variables:
            return f"(u64)(uintptr_t)g_{c_name(operand)}"
        raise TranslationError("operand? " + operand)

    def value(self, operand, type_):
        """An expression of the type's C++ type (bf16: of f32)."""
        if type_ == "pred":
            return self.predicate(operand)
        if type_ in FLOATS:
            decimal = re.match(r"^-?[\d.]+([eE][-+]?\d+)?$", operand)
            if type_ == "f32" and decimal and not self.is_register(operand):
                return f"{operand if '.' in operand else operand + '.0'}f"
            return f"{AS_FLOAT[type_]}({self.raw(operand, BITS[type_])})"
        bits = BITS[type_]
        if not type_.startswith("s"):
            return self.raw(operand, bits)
        if self.is_register(operand):
            return f"(s{bits}){self.register(operand)}[l]"
        return f"(s{bits})({self.immediate(operand)})"

    def predicate(self, operand):
        """A mask of lanes."""
        if operand.startswith("!"):
            return f"(~{self.predicate(operand[1:])})"
        if self.is_register(operand):
            return self.register(operand)
        if re.match(r"^-?\d+$", operand):
            return "0xffffffffu" if int(operand) else "0u"
        raise TranslationError("predicate? " + operand)

    def uniform(self, operand):
        """The value of the first lane of M; for operands that are the same in all lanes."""
        if self.is_register(operand):
            return self.register(operand) + "[__builtin_ctz(M)]"
        return self.immediate(operand)

    def lanes(self, operand, type_="u32"):
        """(statement, name): an array of the 32 lanes' values."""
        name = f"a_{self.fresh()}"
        value = self.raw(operand, BITS[type_])
        return f"{type_} {name}[32]; for(int l=0;l<32;l++) {name}[l]={value};", name

    # Writing

    def put(self, destination, type_, expression):
        """A statement that gives every active lane its value."""
        if destination == "_":
            return ""
        wide = self.registers.get(destination)
        if wide is None:
            raise TranslationError("destination? " + destination)
        value = (
            f"{AS_BITS[type_]}({expression})"
            if type_ in FLOATS
            else f"({C_TYPE[type_]})({expression})"
        )
        if wide != BITS[type_] and type_.startswith("s"):
            value = f"(s{wide}){value}"  # sign-extended
        lane = self.register(destination) + "[l]"
        return f"for(int l=0;l<32;l++) {lane}=ACTIVE?(u{wide})({value}):{lane};"

    def put_bool(self, destination, expression):
        """A predicate from a condition of each lane."""
        if destination == "_":
            return ""
        return (
            f"{{u32 t_=0; for(int l=0;l<32;l++) t_|=(u32)({expression})<<l; "
            f"{self.put_mask(destination, 't_')}}}"
        )

    def put_mask(self, destination, mask):
        """A predicate from a mask of lanes."""
        if destination == "_":
            return ""
        p = self.register(destination)
        return f"{p}=({p}&~m)|(({mask})&m);"

    # Addresses

    def address(self, operand):
        """(base, offset) of `[base+offset]`."""
        m = _ADDRESS.match(operand)
        if not m:
            raise TranslationError("address? " + operand)
        return m.group(1), int(m.group(2), 0) if m.group(2) else 0

    def pointer(self, space, operand, size, store, line, atomic=False):
        """A checked host pointer to `size` bytes."""
        base, offset = self.address(operand)
        access = f"{size},{'true' if store else 'false'}"
        if space == "param":
            if base in self.body.call_parameters:
                return f"((char*)w->{base}[l]+{offset})"
            if base in self.parameters:
                return f"((char*)C->params+{self.parameters[base] + offset}ll)"
            return f"((char*)C->params+({self.raw(base, 32)}+{offset}))"
        if space == "shared":
            at = f"(u32)({self.raw(base, 32)}+({offset}ll))"
            return f"shared_at(w,l,{line},{at},{access}{',true' if atomic else ''})"
        if space == "local":
            return f"local_at(w,l,{line},(u32)({self.raw(base, 32)}+({offset}ll)),{access})"
        if base in self.shared_offsets:
            raise TranslationError("shared symbol in generic access")
        return f"global_at(w,l,{line},{self.global_address(operand)},{access})"

    def global_address(self, operand):
        base, offset = self.address(operand)
        return f"(u64)({self.raw(base, 64)})+(s64)({offset}ll)"

    def shared_address(self, operand, modifiers=("shared",)):
        """The offset in shared memory, from a shared or (without the modifier) generic address."""
        base, offset = self.address(operand)
        if base in self.shared_offsets or any(x.startswith("shared") for x in modifiers):
            return f"(u32)({self.raw(base, 32)}+({offset}ll))"
        return f"(u32)({self.raw(base, 64)}+({offset}ll)-(u64)C->shared)"
