# SPDX-License-Identifier: MIT
"""The statements of one function, as C."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from blkmq.compiler.c.expression import (
    NOTHING,
    assignment,
    c_name,
    declared,
    expression,
    integer,
    negated,
    snake,
)
from blkmq.compiler.c.lines import CLine, Lines, bounds_of, function_name, signature
from blkmq.compiler.program import (
    Assign,
    Bool,
    Break,
    Check,
    Continue,
    Do,
    EachSegment,
    Fetch,
    Function,
    Guard,
    If,
    Int,
    Invoke,
    Kind,
    Locked,
    Loop,
    Program,
    Return,
    Root,
    Stmt,
    Store,
)

CALLING = ("start", "queue")  #: the verbs of HrTimer and Work that are told which slot to call


@dataclass
class _Loop:
    """A loop around the statement that is printed."""

    label: str  #: where ``continue`` goes: to the burning of fuel
    nr_locks: int  #: locks that were held around it


class FunctionPrinter(Lines):
    """Prints one function; ``lines`` is the result."""

    def __init__(self, program: Program, function: Function, apart: frozenset[str], marks: bool = True) -> None:
        super().__init__(program, function, apart, marks)
        self._loops: list[_Loop] = []
        self._locks: list[str] = []  #: what gives them back
        self._nr_labels = 0
        self._used = {parameter.name for parameter in function.parameters}
        self._used |= {name for statement in _statements(function.body) for name in _targets(statement)}

    def lines(self) -> list[CLine]:
        """The whole function."""
        function = self._function
        self._statements(function.body)
        ends = bool(function.body) and isinstance(function.body[-1], Return)
        if function.returns.kind is Kind.NONE:
            self._drop_idle_check()
        elif not ends:
            self._put(f"return {NOTHING[function.returns.kind]};", function.line)
        head = [CLine(signature(self._program, function), function.line), CLine("{")]
        head += [CLine(f"\t{text};") for text in self._declarations()]
        return [*head, *([CLine("")] if len(head) > 2 else []), *self._body, CLine("}")]

    def _declarations(self) -> Iterator[str]:
        yield from self._scratch.values()
        for name, kind in self._function.locals.items():
            if name in self._used:
                yield f"{declared(kind.kind, c_name(name))} = {NOTHING[kind.kind]}"

    # --- statements ----------------------------------------------------------------------------------
    def _statements(self, statements: Sequence[Stmt]) -> None:
        start = ""  #: of the count of the loop that follows
        for statement, following in zip_longest(statements, statements[1:]):
            if isinstance(statement, Assign) and _counts(following) == statement.target:
                start = assignment(statement)
            elif isinstance(statement, Loop):
                self._loop(statement, start)
                start = ""
            else:
                self._statement(statement)

    def _block(self, statements: Sequence[Stmt]) -> None:
        self._depth += 1
        self._statements(statements)
        self._depth -= 1

    def _statement(self, s: Stmt) -> None:
        match s:
            case Assign():
                self._put(f"{assignment(s)};", s.line)
            case Fetch():
                self._fetch(s)
            case Store():
                self._store(s)
            case Do():
                self._do(s)
            case Invoke():
                self._invoke(s)
            case Guard():
                self._guard(s)
            case If():
                self._if(s, "if")
            case EachSegment():
                self._each_segment(s)
            case Locked():
                self._locked(s)
            case Break():
                self._unlock(self._loops[-1].nr_locks, s.line)
                self._put("break;", s.line)
            case Continue():
                self._unlock(self._loops[-1].nr_locks, s.line)
                self._put(f"goto {self._loops[-1].label};", s.line)
            case Return():
                if any(e.function == self._function.name and e.reports(s) for e in self._program.entries):
                    self._mark(s.line)
                self._unlock(0, s.line)
                if s.is_as_after_error:
                    self._drop_idle_check()
                self._put(f"return {expression(s.value)};" if s.value else "return;", s.line)
            case _:
                raise TypeError(f"no C for {s!r}")

    def _fetch(self, s: Fetch) -> None:
        if s.raises:
            self._mark(s.line)
        what = self._lvalue(s.place, s.line)
        if s.place.field.noun:
            self._call(s.target, "blkmq_kept_request_load", ["call", f"&{what}"], s.line)
        elif s.place.field.const and s.place.path[0] == "config":
            self._put(f"{c_name(s.target)} = BLKMQ_MODE({c_name(s.place.field.name)}, {what});", s.line)
        else:
            self._put(f"{c_name(s.target)} = READ_ONCE({what});", s.line)

    def _store(self, s: Store) -> None:
        if s.raises or not s.checked:
            self._mark(s.line)
        value = expression(s.value)
        sized = s.place.field.sized
        what = self._lvalue(s.place, s.line)  # as in Python: what cannot be reached takes no value
        if not s.checked and sized is not None:
            value = self._once("stored", s.value, s.line)
            self._leave_if(f"blkmq_bad_value(call, {value}, {bounds_of(sized)})", s.line)
        if s.place.field.noun:
            self._call("", "blkmq_kept_request_store", ["call", f"&{what}", value], s.line)
        else:
            self._put(f"WRITE_ONCE({what}, {value});", s.line)

    def _do(self, s: Do) -> None:
        if s.fallible or (s.place is not None and (s.place.root is Root.PDU or s.place.index is not None)):
            self._mark(s.line)
        arguments = ["call"]
        if s.place is not None and s.place.path:
            arguments.append(f"&{self._lvalue(s.place, s.line)}")
        elif s.segment:
            arguments.append(f"&{c_name(s.segment)}")
        elif s.subject is not None:
            arguments.append(expression(s.subject))
        arguments += map(expression, s.args)
        if s.slot >= 0 and s.verb in CALLING:
            arguments.append(str(s.slot))
        verb = f"blkmq_{snake(s.noun)}_{s.verb}" if s.noun else f"blkmq_{s.verb}"
        self._call(s.target, verb, arguments, s.line)
        if s.fallible:
            self._leave_on_error(s.line)

    def _invoke(self, s: Invoke) -> None:
        called = next(f for f in self._program.functions if f.name == s.function)
        arguments = ["call", *(["self"] if called.method else []), *map(expression, s.args)]
        name = function_name(self._program, s.function) + "_apart" * (s.function in self._apart)
        self._call(s.target, name, arguments, s.line)
        self._leave_on_error(s.line)
        self._at = 0

    def _guard(self, s: Guard) -> None:
        self._mark(s.line)
        left = expression(s.left)
        right = expression(s.right) if s.right is not None else ""
        match s.check:
            case Check.DIVISOR:
                self._leave_if(f"blkmq_bad_divisor(call, {left}, {right})", s.line)
            case Check.SHIFT:
                self._leave_if(f"blkmq_bad_shift(call, {right})", s.line)
            case Check.RANGE:
                assert s.sized is not None
                self._leave_if(f"blkmq_bad_value(call, {left}, {bounds_of(s.sized)})", s.line)
            case Check.ASSERT:
                self._leave_if(f"blkmq_bad_assert(call, {left})", s.line)
            case Check.HOLDS:
                wrong = expression(negated(s.left))
                self._leave_if(f"blkmq_bad(call, {wrong}, BLKMQ_FAULT_{s.fault.name}, {right or 0})", s.line)
            case Check.MEMBER:
                value = self._once("stored", s.left, s.line)
                self._put(f"switch ({value}) {{", s.line)
                for first, last in _runs(s.members):
                    self._put(f"case {integer(first)}{f' ... {integer(last)}' if last > first else ''}:", s.line)
                self._put("\tbreak;", s.line)
                self._put("default:", s.line)
                self._put(f"\tblkmq_fail(call, BLKMQ_FAULT_{s.fault.name}, {value});", s.line)
                self._put(f"\treturn {NOTHING[self._function.returns.kind]}".rstrip() + ";", s.line)
                self._put("}", s.line)

    def _if(self, s: If, keyword: str) -> None:
        at = self._at
        self._put(f"{keyword} ({expression(s.test)}) {{", s.line)
        start = len(self._body)
        self._block(s.then)
        self._at = at
        if len(self._body) == start + 1 and not s.otherwise and keyword == "if":
            head = self._body[start - 1]
            self._body[start - 1] = CLine(head.text.removesuffix(" {"), head.line)
            return
        match s.otherwise:
            case []:
                self._put("}", 0)
            case [If() as chained]:
                self._if(chained, "} else if")
            case _:
                self._put("} else {", 0)
                self._block(s.otherwise)
                self._put("}", 0)
        self._at = 0

    # --- loops and locks ---------------------------------------------------------------------------------
    def _turn(self, s: Loop | EachSegment) -> None:
        """A loop's body, and its back edge, which burns fuel."""
        self._nr_labels += 1
        loop = _Loop(f"next_{self._nr_labels}", len(self._locks))
        self._loops.append(loop)
        self._block(s.body)
        self._loops.pop()
        if _continues(s.body):
            self._body.append(CLine(f"{loop.label}:"))
            self._at = 0
        self._depth += 1
        self._mark(s.line)
        self._leave_if("blkmq_burn(call, 1)", s.line)
        self._depth -= 1

    def _loop(self, s: Loop, start: str) -> None:
        self._at = 0
        counts = bool(_counts(s))
        if counts:
            (step,) = s.step
            assert isinstance(step, Assign)
            self._put(f"for ({start}; {expression(s.test)}; {assignment(step)}) {{", s.line)
        elif s.head or s.test == Bool(s.test.type, True):
            self._put("for (;;) {", s.line)
            self._block(s.head)
            if not isinstance(s.test, Bool):
                self._put(f"\tif ({expression(negated(s.test))})", s.line)
                self._put("\t\tbreak;", s.line)
        else:
            self._put(f"while ({expression(s.test)}) {{", s.line)
        self._turn(s)
        if not counts:
            self._block(s.step)
        self._put("}", 0)
        self._at = 0

    def _each_segment(self, s: EachSegment) -> None:
        segment = c_name(s.target)
        self._mark(s.line)
        self._put(f"{segment} = blkmq_segment_first(call, {expression(s.request)});", s.line)
        self._put(f"while (blkmq_segment_more(call, &{segment})) {{", s.line)
        self._at = 0
        self._turn(s)
        self._put(f"\tblkmq_segment_next(call, &{segment});", s.line)
        self._put("}", 0)
        self._leave_on_error(s.line)
        self._at = 0

    def _locked(self, s: Locked) -> None:
        noun = f"blkmq_{snake(s.noun)}"
        self._mark(s.line)
        lock = f"&{self._lvalue(s.place, s.line)}"
        if s.place.root not in (Root.SELF, Root.SHARED) or not isinstance(s.place.index, Int | None):
            # The body may change what the place goes through.
            name = f"lock_{len(self._scratch)}"
            while name in self._used:
                name += "_"
            self._scratch[name] = f"struct {noun} *{name}"
            self._put(f"{name} = {lock};", s.line)
            lock = name
        self._call("", f"{noun}_enter", ["call", lock], s.line)
        self._leave_on_error(s.line)
        self._locks.append(f"{noun}_exit(call, {lock});")
        self._statements(s.body)
        if not s.body or not isinstance(s.body[-1], Return | Break | Continue):
            self._put(self._locks[-1], s.line)
        self._locks.pop()

    def _unlock(self, outer: int, line: int) -> None:
        """Gives back all locks but the ``outer`` ones, which stay held."""
        for text in reversed(self._locks[outer:]):
            self._put(text, line)


def _statements(statements: Sequence[Stmt]) -> Iterator[Stmt]:
    """These and all within them."""
    for statement in statements:
        yield statement
        for inner in vars(statement).values():
            if isinstance(inner, Sequence) and inner and isinstance(inner[0], Stmt):
                yield from _statements(inner)


def _targets(statement: Stmt) -> list[str]:
    """The locals that a statement sets."""
    target = getattr(statement, "target", "")
    return [target] if target else []


def _counts(statement: Stmt | None) -> str:
    """The local that a loop counts with, as C's ``for`` does; "" if it is no such loop."""
    if not isinstance(statement, Loop) or statement.head or len(statement.step) != 1:
        return ""
    (step,) = statement.step
    return step.target if isinstance(step, Assign) else ""


def _continues(body: Sequence[Stmt]) -> bool:
    """Whether a loop's body has a ``continue`` of this loop."""
    return any(
        isinstance(s, Continue)
        or (isinstance(s, If) and (_continues(s.then) or _continues(s.otherwise)))
        or (isinstance(s, Locked) and _continues(s.body))
        for s in body
    )


def _runs(members: Sequence[int]) -> list[tuple[int, int]]:
    """Sorted numbers as runs of neighbours."""
    runs: list[tuple[int, int]] = []
    for member in members:
        if runs and runs[-1][1] == member - 1:
            runs[-1] = (runs[-1][0], member)
        else:
            runs.append((member, member))
    return runs
