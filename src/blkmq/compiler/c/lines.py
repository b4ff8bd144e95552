# SPDX-License-Identifier: MIT
"""The lines of one C function: marks, error exits, and the places that statements go through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from blkmq.compiler.c.expression import NOTHING, TYPE_TEXT, c_name, declared, expression, integer
from blkmq.compiler.program import Expr, Function, Int, Invoke, Kind, Local, Place, Program, Root
from blkmq.compiler.walk import statements_in
from blkmq.mq.integer import Sized

#: Statements of a function that is inlined wherever it is called, and of one that is called once.
INLINED_MAX, INLINED_ONCE_MAX = 12, 60


@dataclass(frozen=True)
class CLine:
    """A line of C, and the Python line that it comes from (0: whatever stands before)."""

    text: str
    line: int = 0


class Lines:
    """The body of one function, as far as it is printed."""

    def __init__(self, program: Program, function: Function, apart: frozenset[str], marks: bool = True) -> None:
        self._marks = marks
        self._apart = apart
        self._program = program
        self._function = function
        self._body: list[CLine] = []
        self._depth = 1
        self._at = 0  #: line that ``call->at`` holds for sure; 0: not known
        self._scratch: dict[str, str] = {}  #: declarations of our own, by name

    def _put(self, text: str, line: int) -> None:
        self._body.append(CLine("\t" * self._depth + text, line))

    def _mark(self, line: int) -> None:
        """Says where an error that may come now is."""
        if self._marks and self._at != line:
            self._put(f"call->at = BLKMQ_AT({self._function.file}, {line});", line)
            self._at = line

    def _leave_if(self, test: str, line: int) -> None:
        """An error goes to the caller."""
        self._put(f"if (unlikely({test}))", line)
        self._put(f"\treturn {NOTHING[self._function.returns.kind]}".rstrip() + ";", line)

    def _leave_on_error(self, line: int) -> None:
        self._leave_if("call->error", line)

    def _drop_idle_check(self) -> None:
        """Takes back a look for errors before a return of what an error returns, too."""
        before, self._body = self._body, self._body[:-2]
        self._leave_on_error(0)
        if [line.text for line in before] != [line.text for line in self._body]:
            self._body = before
        else:
            del self._body[-2:]

    def _call(self, target: str, verb: str, arguments: Sequence[str], line: int) -> None:
        assignment = f"{c_name(target)} = " if target else ""
        self._put(f"{assignment}{verb}({', '.join(arguments)});", line)

    # --- places ------------------------------------------------------------------------------------
    def _base(self, place: Place, line: int) -> str:
        """A pointer to the record that a place lies in; reaching a request's may fail."""
        driver = self._program.snake_name
        match place.root:
            case Root.SELF:
                return "self"
            case Root.SHARED:
                self._scratch["shared"] = f"struct {driver}_shared *shared = blkmq_shared(call)"
                return "shared"
            case Root.TAG_SET | Root.LIMITS | Root.DISK | Root.GEOMETRY | Root.UNIQUE_ID:
                return f"blkmq_{place.root.value}(call)"
        assert place.handle is not None
        name: str = place.root.value
        verb = "blkmq_request_pdu" if place.root is Root.PDU else "blkmq_hw_ctx_data"
        self._scratch[name] = f"struct {driver}_{name} *{name}"
        self._put(f"{name} = {verb}(call, {expression(place.handle)});", line)
        if place.root is Root.PDU:
            self._leave_on_error(line)
        return name

    def _lvalue(self, place: Place, line: int) -> str:
        """What lies there, its index checked."""
        text = f"{self._base(place, line)}->{'.'.join(c_name(name) for name in place.path)}"
        if place.index is None:
            return text
        if isinstance(place.index, Int) and 0 <= place.index.value < place.field.length:
            return f"{text}[{place.index.value}]"
        index = self._once("element", place.index, line)
        self._leave_if(f"blkmq_bad_index(call, {index}, {place.field.length})", line)
        return f"{text}[{index}]"

    def _once(self, name: str, value: Expr, line: int) -> str:
        """A value that is checked and then used: in a local, so that both see the same."""
        if isinstance(value, Local | Int):
            return expression(value)
        self._scratch[name] = f"s64 {name}"
        self._put(f"{name} = {expression(value)};", line)
        return name


def bounds_of(sized: Sized) -> str:
    """Least and greatest value, as arguments."""
    return f"{integer(sized.minimum)}, {integer(sized.maximum)}"


def function_name(program: Program, name: str) -> str:
    """The C name of a function: ``slow_ram_transfer``."""
    return f"{program.snake_name}_{c_name(name)}"


def signature(program: Program, function: Function) -> str:
    """``static __always_inline s64 slow_ram_transfer(struct blkmq_call *call, struct slow_ram *self)`` and the like."""
    parameters = ", ".join(["struct blkmq_call *call", *_parameters(program, function)])
    name = declared(function.returns.kind, function_name(program, function.name))
    return f"static __always_inline {name}({parameters})"


def _parameters(program: Program, function: Function) -> list[str]:
    """All but the call."""
    own = [f"struct {program.snake_name} *self"] if function.method else []
    return own + [declared(parameter.type.kind, c_name(parameter.name)) for parameter in function.parameters]


def functions_apart(program: Program) -> frozenset[str]:
    """Those that are long, with all that they have inlined themselves: who calls one has no copy of it."""
    invoked = {
        function.name: [s.function for s in statements_in(function.body) if isinstance(s, Invoke)]
        for function in program.functions
    }
    nr_calls = Counter(name for names in invoked.values() for name in names)
    sizes: dict[str, int] = {}
    found: set[str] = set()
    for function in program.functions:  # what is called stands before what calls it
        inlined = sum(sizes[name] for name in invoked[function.name] if name not in found)
        sizes[function.name] = inlined + sum(1 for _ in statements_in(function.body))
        most = INLINED_MAX if nr_calls[function.name] > 1 else INLINED_ONCE_MAX
        if nr_calls[function.name] and _parameters(program, function) and sizes[function.name] > most:
            found.add(function.name)
    return frozenset(found)


def apart(program: Program, function: Function) -> str:
    """What declares ``NAME_apart()``, behind the function."""
    name = function_name(program, function.name)
    own = ["self"] if function.method else []
    arguments = ", ".join([*own, *(c_name(parameter.name) for parameter in function.parameters)])
    parameters = ", ".join(_parameters(program, function))
    if function.returns.kind is Kind.NONE:
        return f"BLKMQ_APART_VOID({name}, ({parameters}), ({arguments}))"
    return f"BLKMQ_APART({TYPE_TEXT[function.returns.kind].rstrip()}, {name}, ({parameters}), ({arguments}))"
