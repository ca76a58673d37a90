"""Control flow: basic blocks, and the switch that runs them one lane group at a time.

A block is a C++ function over the lanes m. The dispatch knows the program counter pc and the lanes
M that stand there; lanes that part are pushed as groups and meet again at the lowest pc.
"""

import re

from . import instructions
from .instructions import Instruction
from .ptx import TranslationError

_PREDICATE = re.compile(r"^@(!?)(\S+) (.*)$")
# Need all lanes of their mask: those that are elsewhere are waited for.
_WARP_WIDE = re.compile(
    r"^(?:@!?\S+ )?(shfl\.sync|vote\.sync|match\.\w+\.sync|bar\.|barrier\.|mma\.|ldmatrix|stmatrix"
    r"|wmma|redux|movmatrix|elect\.sync|wgmma\.)"
)
_WHOLE_WARP = ("mma", "ldmatrix", "stmatrix", "wmma", "movmatrix", "wgmma")
# Other warps run before these, so that data released too early get overwritten.
_LATE = re.compile(r"^(?:@!?\S+ )?(wgmma\.wait_group|cp\.async\.bulk\.wait_group)")
_ENDS_BLOCK = re.compile(
    r"(bra|ret|exit|brx|trap)(\.|$)|bar\.cta|(bar|barrier)\.(cta\.)?(sync|red|arrive)"
    r"|mbarrier\.(try|test)_wait|barrier\.cluster\.wait"
)


def emit(c, operands, body, end_line):
    """(block functions, cases of the dispatch) of the kernel whose C++ names begin with c."""
    blocks, labels = _split(body, end_line)
    functions, cases, leading = [], [], ""
    for index, block in enumerate(blocks):
        translated = _Block(operands, body, labels, index, block)
        code = "\n".join([leading] * bool(leading) + translated.code)
        leading = translated.code_after
        functions.append(
            f"PTXRUN_OUTLINE void {c}_b{index}({c}_W*w,Cta*C,const u32 m){{\n"
            f"constexpr bool FULL=false;\n{code}\n}}"
        )
        call = f"{c}_b{index}(w,C,M); "
        cases.append(
            f"case {index}: {translated.before}{call if code else ''}executed+={len(block)}; "
            f"{translated.after}break;"
        )
    return "\n".join(functions), "\n".join(cases)


def _split(body, end_line):
    """Blocks of (text, line), and the block that each label stands before."""
    blocks, current, labels = [], [], {}

    def finish():
        nonlocal current
        if current:
            blocks.append(current)
            current = []

    for statement in body.statements:
        if statement.is_label:
            finish()
            labels[statement.text] = len(blocks)
            continue
        if _LATE.match(statement.text) or _WARP_WIDE.match(statement.text):
            finish()
        current.append((statement.text, statement.line))
        opcode = re.sub(r"^@!?\S+ ", "", statement.text).split(" ")[0]
        if _ENDS_BLOCK.match(opcode):
            finish()
    finish()
    blocks.append([("ret", end_line)])
    return blocks, labels


class _Block:
    """Translation of one block."""

    def __init__(self, operands, body, labels, index, statements):
        self.operands, self.body, self.labels = operands, body, labels
        self.index, self.next = index, index + 1
        self.code = []
        self.code_after = ""  # belongs at the head of the next block
        self.before = ""  # the block: may send M to wait
        self.after = f"pc={self.next}; "
        first = _PREDICATE.sub(r"\3", statements[0][0])
        if _WARP_WIDE.match(first):
            self._meet_other_lanes(Instruction.parse(first))
        if _LATE.match(statements[0][0]):
            self._run_other_warps_first(statements[0][0])
        for text, line in statements:
            self._translate(text, line)

    def _translate(self, text, line):
        predicate = None
        m = _PREDICATE.match(text)
        if m:
            predicate = ("~" if m.group(1) else "") + self.operands.predicate(m.group(2))
            text = m.group(3)
        i = Instruction.parse(text)
        if i.name == "bra":
            self._branch(predicate, self._label(i.operands[0]))
        elif i.name in ("ret", "exit"):
            self._exit(predicate)
        elif i.name == "brx":
            self._branch_table(predicate, i)
        elif i.name == "barrier" and i.has("cluster"):
            self._cluster_barrier(predicate, i)
        elif i.name in ("bar", "barrier") and not i.has("warp"):
            self._barrier(predicate, i)
        else:
            if i.name == "mbarrier" and i.has("try_wait", "test_wait"):
                self._yield_failed_waits()
            self._compute(predicate, i, text, line)

    def _compute(self, predicate, i, text, line):
        try:
            code = instructions.translate(self.operands, i)
        except TranslationError:
            raise
        except Exception as error:  # an operand form that the translation did not foresee
            raise TranslationError(f"line {line}: {text} : {error!r}") from error
        if code is None:
            raise TranslationError(f"line {line}: unsupported: {text}")
        functions = self.body.module.functions_of_instructions
        call = functions.call(self.operands, code, "m1_" if predicate else "m", line)
        if call and predicate:
            code = f"if(const u32 m1_=m&{predicate}) {call}"
        elif call:
            code = call
        elif predicate:
            code = f"{{const u32 m0_=m; const u32 m=m0_&{predicate}; if(m){{ {code} }} }}"
        self.code.append(code if call else code.replace("line_", str(line)))

    # Before a block

    def _meet_other_lanes(self, i):
        if i.name == "bar" and i.modifiers[0] == "warp" or i.name in _WHOLE_WARP:
            members = "0xffffffffu"
        elif i.name in ("bar", "barrier"):
            return
        elif self.operands.is_register(i.operands[-1]):
            members = self.operands.uniform(i.operands[-1])
        else:
            members = f"(u32)({self.operands.immediate(i.operands[-1])})"
        self.before += (
            f"if(w->group_count&&!w->forced){{ u32 need_=({members})&w->live&~M; "
            f"if(need_){{ push_group(w,{self.index},M,kWaitingForLanes); goto sched; }} }} "
            "w->forced=0; "
        )

    def _run_other_warps_first(self, text):
        again = f"{{ push_group(w,{self.index},M,kYielded); goto sched; }}"
        self.before += f"if(late_yield(w)) {again} "
        if "wgmma" in text:
            self.before += f"if(!wgmma_ready(w,{text.split()[-1]})) {again} "
        self.before += "w->late_yields=0; "

    # After a block

    def _label(self, name):
        if name not in self.labels:
            raise TranslationError("label " + name)
        return self.labels[name]

    def _branch(self, predicate, target):
        if predicate is None:
            self.after = f"pc={target}; "
            return
        self.after = (
            f"{{u32 t_=M&{predicate}; if(t_==M) pc={target}; else if(!t_) pc={self.next}; "
            f"else {{ push_group(w,{self.next},M&~t_,kRunnable); "
            f"push_group(w,{target},t_,kRunnable); goto sched; }} }} "
        )

    def _exit(self, predicate):
        if predicate is None:
            self.after = "exit_lanes(w,M); goto sched; "
            return
        self.after = (
            f"{{u32 t_=M&{predicate}; exit_lanes(w,t_); M&=~t_; if(!M) goto sched; "
            f"pc={self.next}; }} "
        )

    def _branch_table(self, predicate, i):
        if predicate is not None:
            raise TranslationError("predicated brx")
        targets = [self._label(x) for x in self.body.branch_tables[i.operands[1]]]
        lanes = self.operands.register(i.operands[0])
        self.after = (
            f"{{static const int t_[]={{{','.join(map(str, targets))}}}; "
            f"push_groups_by_index(w,M,{lanes},t_,{len(targets)}); goto sched;}} "
        )

    def _cluster_barrier(self, predicate, i):
        if not i.has("wait"):
            self.code.append(f"cluster_arrive(w,{'m' if predicate is None else 'm&' + predicate});")
            return
        lanes = "M" if predicate is None else f"M&{predicate}"
        self.after = (
            f"{{u32 a_={lanes}; u32 ok_=cluster_wait(w,a_)|(M&~a_); u32 no_=M&~ok_; "
            f"if(no_) push_group(w,{self.index},no_,kYielded); M=ok_; if(!M) goto sched; "
            f"pc={self.next};}} "
        )

    def _yield_failed_waits(self):
        self.after = (
            "if(w->yielded){ u32 y_=w->yielded&M; w->yielded=0; "
            f"if(y_){{ push_group(w,{self.next},y_,kYielded); M&=~y_; if(!M) goto sched; }} }} "
            f"pc={self.next}; "
        )

    def _barrier(self, predicate, i):
        kind = i.first_of("sync", "red", "arrive")
        if kind == "red":
            self._reducing_barrier(predicate, i)
            return
        barrier = self.operands.uniform(i.operands[0]) if i.operands else "0"
        skip = ""  # lanes without the predicate go on without it
        if predicate is not None:
            skip = (
                f"u32 o_=M&~({predicate}); M&=({predicate}); "
                f"if(o_) push_group(w,{self.next},o_,kRunnable); if(!M) goto sched; "
            )
        arrive = f"{{ {skip}int id_=({barrier}); barrier_arrive(w,id_,M,0); "
        if kind == "arrive":
            self.after = f"{arrive}pc={self.next};}} "
            return
        count = self._count(i.operands[1] if len(i.operands) > 1 else None)
        self.after = f"{arrive}push_group(w,{self.next},M,at_barrier(id_,{count})); goto sched;}} "

    def _reducing_barrier(self, predicate, i):
        if predicate is not None:
            raise TranslationError("predicated bar.red")
        destination, barrier = i.operands[:2]
        count = self._count(i.operands[2] if len(i.operands) == 4 else None)
        barrier = f"({self.operands.uniform(barrier)})"
        self.after = (
            f"{{int id_={barrier}; barrier_arrive(w,id_,M,{self.operands.predicate(i.operands[-1])}); "
            f"push_group(w,{self.next},M,at_barrier(id_,{count})); goto sched;}} "
        )
        result = f"w->reduction[{barrier.replace('(M)', '(m)')}]"
        how = i.first_of("popc", "and", "or")
        if how == "popc":
            self.code_after = self.operands.put(destination, "u32", f"{result}&0xffff")
        else:
            bit = 16 if how == "or" else 17
            self.code_after = self.operands.put_mask(destination, f"({result}>>{bit}&1)?~0u:0u")

    def _count(self, operand):
        return "0" if operand is None else f"(int)({self.operands.uniform(operand)})"
