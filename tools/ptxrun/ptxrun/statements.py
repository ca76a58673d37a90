"""The body of one kernel as a flat list of statements: scopes resolved, calls inlined."""

import re
from dataclasses import dataclass

from .ptx import (
    BITS,
    TranslationError,
    declared_parameter,
    matching_brace,
    split_operands,
)

# Functions of the device runtime that are calls into ptxrun instead of PTX.
RUNTIME_FUNCTIONS = ("__assertfail", "vprintf", "printf", "__assert_fail")
MAX_CALL_DEPTH = 20

_SPACE = re.compile(r"\s*")
_LABEL = re.compile(r"([$\w%]+)\s*:(?!:)")
_LABEL_IN_SCOPE = re.compile(r"(?:^|[;{}])\s*([$A-Za-z_][\w$]*)\s*:(?!:)")
_BRANCH_TARGETS = re.compile(r"\s*\.branchtargets\s+([^;]*);")
_SOURCE_LOCATION = re.compile(r"\.loc\s")
_CALL = re.compile(r"^(@!?\S+ )?call(?:\.uni)?\s*(.*)$")
_RETURN = re.compile(r"(^|^@!?\S+ )(?:ret)(\.uni)?$")
_NAME = re.compile(r"[%$A-Za-z_][\w$]*(?![\w$])")


@dataclass
class Statement:
    text: str
    line: int  # of the PTX file, from one
    is_label: bool = False


class Body:
    """Registers, variables, branch tables and statements of a kernel's body.

    A name declared in an inner scope gets a suffix, so that all names are of one flat space.
    """

    def __init__(self, module, text, line):
        self.module = module
        self.registers = {}  # bits by name
        self.shared = {}
        self.local = {}
        self.call_parameters = {}  # bytes by name
        self.branch_tables = {}
        self.statements = []
        self._scopes = [{}]
        self._names_made = 0
        self._call_depth = 0
        self._read(text, line)

    def fresh(self):
        """A number that no other name of this kernel ends with."""
        self._names_made += 1
        return self._names_made

    def _read(self, text, line, return_label=None):
        """Appends the statements of `text`; `return_label` is set for an inlined function."""
        at = 0
        while True:
            space = _SPACE.match(text, at)
            line += text.count("\n", at, space.end())
            at = space.end()
            if at >= len(text):
                return
            if text[at] == "{":
                self._scopes.append(self._labels_of(text[at + 1 : matching_brace(text, at)]))
                at += 1
            elif text[at] == "}":
                self._scopes.pop()
                at += 1
            elif text[at] != "." and (label := _LABEL.match(text, at)):
                name, at = self._resolve(label.group(1)), label.end()
                if table := _BRANCH_TARGETS.match(text, at):
                    targets = split_operands(table.group(1))
                    self.branch_tables[name] = [self._resolve(x) for x in targets]
                    line += text.count("\n", at, table.end())
                    at = table.end()
                else:
                    self.statements.append(Statement(name, line, is_label=True))
            elif _SOURCE_LOCATION.match(text, at):
                at = text.index("\n", at)
            else:
                end = text.index(";", at)
                statement = " ".join(text[at:end].split())
                start_line = line + 1
                line += text.count("\n", at, end)
                at = end + 1
                self._add(statement, start_line, line, return_label)

    def _add(self, text, line, end_line, return_label):
        if not text or text.startswith(".pragma"):
            return
        if text.startswith(".reg"):
            self._declare_registers(text)
        elif text.startswith(".callprototype"):
            raise TranslationError(f"indirect call (line {line})")
        elif text.startswith(".param"):
            name, _, size, _, _ = declared_parameter(text)
            unique = f"cp_{self.fresh()}"
            self.call_parameters[unique] = size
            self._scopes[-1][name] = unique
        elif text.startswith("."):
            if return_label and text.startswith(".local"):  # each inlining has its own
                name = re.search(r"([\w$%]+)\s*\[", text).group(1)
                self._scopes[-1][name] = f"{name}_i{self.fresh()}"
                text = self._resolve(text)
            self.module.declare(text, self.shared, self.local)
        elif call := _CALL.match(text):
            self._call(call.group(1), split_operands(call.group(2)), line, end_line)
        else:
            if return_label:
                text = _RETURN.sub(lambda m: m.group(1) + "bra " + return_label, text)
            self.statements.append(Statement(self._resolve(text), line))

    def _call(self, predicate, operands, line, end_line):
        results = []
        if operands[0].startswith("("):
            results = [self._resolve(x) for x in split_operands(operands.pop(0)[1:-1])]
        name = operands[0]
        arguments = split_operands(operands[1][1:-1]) if len(operands) > 1 else []
        arguments = [self._resolve(x) for x in arguments]
        if name in RUNTIME_FUNCTIONS:
            guard = self._resolve(predicate or "")
            text = f"{guard}CALL.{name} {', '.join(results + arguments)}"
            self.statements.append(Statement(text, line))
            return
        if predicate:
            raise TranslationError("predicated call")
        function = self.module.functions.get(name)
        if function is None:
            raise TranslationError(f"line {line}: call to {name}")
        if self._call_depth > MAX_CALL_DEPTH:
            raise TranslationError("recursive call to " + name)
        scope = self._labels_of(function.body)
        end = f"$ret{self.fresh()}"
        scope.update(zip(function.results, results))
        scope.update(zip(function.parameters, arguments))
        caller, self._scopes = self._scopes, [self._scopes[0], scope]
        self._call_depth += 1
        self._read(function.body, function.line, end)
        self._call_depth -= 1
        self._scopes = caller
        self.statements.append(Statement(end, end_line, is_label=True))

    def _labels_of(self, text):
        return {
            m.group(1): f"{m.group(1)}_L{self.fresh()}" for m in _LABEL_IN_SCOPE.finditer(text)
        }

    def _declare_registers(self, text):
        type_, names = re.match(r"\.reg\s+(?:\.v[24]\s+)?\.(\w+)\s+(.*)$", text).groups()
        for name in split_operands(names):
            numbered = re.match(r"([%$\w]+)<(\d+)>$", name)
            each = (
                [f"{numbered.group(1)}{i}" for i in range(int(numbered.group(2)))]
                if numbered
                else [name]
            )
            for register in each:
                inner = len(self._scopes) > 1
                unique = f"{register}_s{self.fresh()}" if inner else register
                self._scopes[-1][register] = unique
                self.registers[unique] = BITS[type_]

    def _resolve(self, text):
        """The text with names of inner scopes replaced by their unique ones."""
        if len(self._scopes) == 1:
            return text

        def unique(match):
            for scope in reversed(self._scopes[1:]):
                if match.group(0) in scope:
                    return scope[match.group(0)]
            return match.group(0)

        return _NAME.sub(unique, text)
