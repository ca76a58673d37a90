"""A PTX module: finds its kernels, functions and variables and writes one C++ file."""

import re
from dataclasses import dataclass

from . import kernel
from .outline import Functions
from .ptx import (
    BITS,
    DYNAMIC,
    TranslationError,
    c_name,
    known_types,
    matching_brace,
    split_operands,
    strip_comments,
)

DECLARATION = re.compile(
    r"((?:\.(?:visible|extern|weak|common|managed) )*)\.(global|const|shared|local)\s*"
    r"((?:\.\w+(?: \d+)? ?)*)\s*([%$\w]+)\s*((?:\[\d*\])*)\s*(?:=\s*(.*))?$"
)
FUNCTION_HEAD = re.compile(
    r".*?\.func\s*(?:\.noreturn\s*)?(?:\((.*?)\))?\s*([\w$%]+)\s*\((.*?)\)", re.S
)


@dataclass
class Entry:
    head: str
    body: str
    line: int  # of the body's first character, from zero


@dataclass
class Function:
    results: list
    parameters: list
    body: str
    line: int


@dataclass
class Variable:
    name: str
    type: str
    count: int
    align: int
    initial: str


@dataclass
class Allocation:
    size: object  # bytes, or DYNAMIC
    align: int


class Module:
    def __init__(self, text):
        self.source_lines = text.split("\n")
        self.entries = []
        self.functions = {}
        self.variables = {}  # of global and constant memory, by name
        self.shared = {}  # allocations of the whole module, by name
        self.functions_of_instructions = Functions()
        self.not_translated = []  # (kernel, reason), after emit()
        self._parse(strip_comments(text))

    def _parse(self, text):
        skip = re.compile(
            r"\s+|\.(?:version|target|address_size|file)\b[^\n]*|\.section\s+[^{]*\{[^}]*\}"
        )
        head = re.compile(r"(?:\.(?:visible|extern|weak|common)\s+)*\.(entry|func)\b")
        at = 0
        while at < len(text):
            if m := skip.match(text, at):
                at = m.end()
            elif m := head.match(text, at):
                at = self._parse_code(text, at, m.group(1) == "entry")
            else:
                end = text.index(";", at)
                self.declare(text[at:end], self.shared)
                at = end + 1

    def _parse_code(self, text, start, is_entry):
        opening = re.compile(r"[{;]").search(text, start).start()
        if text[opening] == ";":  # a prototype
            return opening + 1
        closing = matching_brace(text, opening)
        head, body = text[start:opening], text[opening + 1 : closing]
        line = text.count("\n", 0, opening + 1)
        if is_entry:
            self.entries.append(Entry(head, body, line))
        else:
            results, name, parameters = FUNCTION_HEAD.match(head).groups()
            self.functions[name] = Function(
                _parameter_names(results), _parameter_names(parameters), body, line
            )
        return closing + 1

    def declare(self, text, shared, local=None):
        """Notes a variable: shared and local ones in the given tables, others in the module."""
        text = " ".join(text.split())
        m = DECLARATION.match(text)
        if not m:
            raise TranslationError("declaration? " + text)
        qualifiers, space, modifiers, name, dims, initial = m.groups()
        type_ = known_types(re.findall(r"\.(\w+)", modifiers))[-1]
        size = BITS[type_] // 8
        align = re.search(r"\.align (\d+)", modifiers)
        align = int(align.group(1)) if align else size
        count = 4 if ".v4" in modifiers else 2 if ".v2" in modifiers else 1
        for extent in re.findall(r"\[(\d+)\]", dims):
            count *= int(extent)
        if space in ("shared", "local"):
            dynamic = "extern" in qualifiers and "[]" in dims
            table = shared if space == "shared" else local
            table[name] = Allocation(DYNAMIC if dynamic else count * size, align)
            return
        if "[]" in dims and initial:
            count = len(split_operands(initial.strip()[1:-1]))
        self.variables[name] = Variable(name, type_, count, align, initial)

    def emit(self):
        """The C++ file. Kernels it had to leave out are in not_translated."""
        kernels, table = [], []
        self.not_translated = []
        for entry in self.entries:
            name = re.search(r"\.entry\s+([\w$]+)", entry.head).group(1)
            try:
                code, row = kernel.emit(self, name, f"k{len(kernels)}", entry)
                kernels.append(code)
                table.append(row)
            except TranslationError as error:
                self.not_translated.append((name, str(error)))
        lines = ",\n".join(map(_string_literal, ["", *self.source_lines]))
        symbols = "".join(
            f'{{"{v.name}",{_variable(v.name)},sizeof({_variable(v.name)})}},\n'
            for v in self.variables.values()
        )
        parts = [
            '#include "device/runtime.h"',
            "namespace ptxrun {",
            "#define ACTIVE (FULL||((m>>l)&1))",
            *map(_variable_definition, self.variables.values()),
            self.functions_of_instructions.definitions(),
            *kernels,
            f"static const char* const kSourceLines[]={{{lines}}};",
            "static const KernelInfo kKernels[]={" + ",\n".join([*table, "{}"]) + "};",
            f"static const GlobalSymbol kSymbols[]={{\n{symbols}{{0,0,0}}}};",
            "}  // namespace ptxrun",
            '#include "device/launch.h"',
        ]
        return "\n".join(parts)


def _parameter_names(text):
    last_word = re.compile(r"([\w$%]+)(?:\[\d+\])?$")
    return [last_word.search(x.strip()).group(1) for x in split_operands(text or "")]


def _variable(name):
    return "g_" + c_name(name)


def _variable_definition(v):
    bits = BITS[v.type]
    initial = ""
    if v.initial:
        text = v.initial.strip()
        values = split_operands(text[1:-1]) if text.startswith("{") else [text]
        initial = "={" + ",".join(f"(u{bits})({_initial_value(x)})" for x in values) + "}"
    return f"alignas({max(v.align, 16)}) static u{bits} {_variable(v.name)}[{max(v.count, 1)}]{initial};"


def _initial_value(text):
    if text.startswith("0f"):
        return f"0x{text[2:]}u"
    if text.startswith("0d"):
        return f"0x{text[2:]}ull"
    if re.match(r"^-?\d", text):
        return text
    name, offset = re.match(
        r"(?:generic\()?([\w$%]+)\)?(?:\s*\+\s*(\d+))?$", text
    ).groups()
    return f"(u64)(&{_variable(name)})+{offset or 0}"


def _string_literal(line):
    return '"' + line.strip().replace("\\", "\\\\").replace('"', '\\"')[:200] + '"'
