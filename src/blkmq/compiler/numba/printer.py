# SPDX-License-Identifier: MIT
"""The typed program as a Python module for Numba: plain functions over records, one entry point.

Each function notes where in the source it is (``call.at``) before what may raise, looks for an error behind it,
and returns then; whoever called the callback releases its locks and ends its request.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from blkmq.compiler.numba.expression import Expressions, nothing, py_name, snake
from blkmq.compiler.program import (
    Absent,
    Assign,
    Bool,
    Break,
    Check,
    Continue,
    Do,
    EachSegment,
    Entry,
    Expr,
    Fetch,
    Function,
    Guard,
    If,
    Int,
    Invoke,
    Kind,
    Locked,
    Loop,
    Place,
    Program,
    Return,
    Root,
    Stmt,
    Store,
)
from blkmq.compiler.renaming import locals_of, without_locals_named
from blkmq.mq.errors import Fault
from blkmq.mq.integer import S64_MAX, S64_MIN, Sized

LINE_BITS = 20  #: ``call.at`` is file index << LINE_BITS | line

IMPORTS = """\
from blkmq.compiler.numba.printed import accessor, add, entry_point, function, i64, mul, record, shl, sub, times
from blkmq.compiler.numba.printed import s8, s16, s32, s64, u8, u16, u32, u64
from blkmq.dispatch.nouns import records as noun
"""

VERBS_BEGIN, VERBS_END = "from blkmq.dispatch.verbs import (\n", "\n)"
STARTERS = ("start", "queue")  #: verbs of HrTimer and Work that say which method to call

VIEWS = {
    Root.TAG_SET: "tag_set_view",
    Root.LIMITS: "limits_view",
    Root.DISK: "disk_view",
    Root.GEOMETRY: "geometry_view",
    Root.UNIQUE_ID: "unique_id_view",
}


def print_numba(program: Program, *, lines: bool = True) -> str:
    """The text of the module; the same program gives the same text.

    With ``lines``, ``call.at`` says for each statement that may raise where it comes from; without, the text is for
    readers.
    """
    printer = _Printer(program, lines)
    text = printer.module()
    taken = printer.names()
    if any(not taken.isdisjoint(locals_of(function)) for function in program.functions):
        text = _Printer(without_locals_named(program, taken), lines).module()
    return text


class _Body:
    """Prints one function."""

    def __init__(self, printer: _Printer, function: Function) -> None:
        self.printer = printer
        self.function = function
        self.lines: list[str] = []
        self.depth = 1
        self.at = -1  #: what ``call.at`` surely is; -1: unknown
        self.loops: list[tuple[Sequence[str], int]] = []  #: what ``continue`` runs first; locks held outside
        self.locks: list[str] = []  #: texts that release them
        self.nr_locks = 0
        self.names = locals_of(function)

    def put(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    def text(self, expr: Expr) -> str:
        return self.printer.expressions.text(expr)

    def bare(self, expr: Expr) -> str:
        """Text of an expression that stands alone."""
        return self.printer.expressions.bare(expr)

    def argument(self, expr: Expr) -> str:
        """Text of an argument; a bare constant is a type of its own to Numba, which would compile the function anew."""
        text = self.bare(expr)
        if isinstance(expr, Int | Absent):
            return f"i64({text})"
        return f"bool({text})" if isinstance(expr, Bool) else text

    def verb(self, name: str) -> str:
        return self.printer.verb(name)

    def mark(self, line: int) -> None:
        """Notes the source line, once for neighbours that share it."""
        at = self.function.file << LINE_BITS | line
        if self.printer.lines and at != self.at:
            self.put(f"call.at = {at if self.function.file else line}")
            self.at = at

    def check(self) -> None:
        self.put("if call.error != 0:")
        self.put(f"    return {nothing(self.function.returns)}")

    def drop_idle_check(self) -> None:
        """Takes back a look for errors before a return of what an error returns, too."""
        before, self.lines = self.lines, self.lines[:-2]
        self.check()
        if self.lines == before:
            del self.lines[-2:]
        else:
            self.lines = before

    def raise_if(self, test: str, fault: Fault, value: str) -> None:
        self.put(f"if {test}:")
        self.put(f"    {self.verb('fail')}(call, {self.printer.fault(fault)}, {value})")
        self.put(f"    return {nothing(self.function.returns)}")

    # --- places -------------------------------------------------------------------------------------------
    def place(self, place: Place, line: int) -> str:
        """Text of a place; prints first what reaching it needs."""
        if place.root is Root.SELF:
            base = "self"
        elif place.root is Root.SHARED:
            base = f"{self.printer.accessor('shared')}(call.shared, 0)"
        elif place.root in VIEWS:
            base = f"{self.verb(VIEWS[place.root])}(call)"
        else:
            assert place.handle is not None
            handle = self.text(place.handle)
            if place.root is Root.PDU:
                self.mark(line)
                self.put(f"pdu = {self.printer.accessor('pdu')}({self.verb('pdu_address')}(call, {handle}), 0)")
                self.check()
                base = "pdu"
            else:
                base = f"{self.printer.accessor('hw')}({self.verb('hw_address')}(call, {handle}), 0)"
        text = ".".join([base, *place.path])
        if place.index is not None:
            index = self.text(place.index)
            if not isinstance(place.index, Int):  # the front end has looked at constants
                self.mark(line)
                self.raise_if(f"{index} < 0 or {index} >= {place.field.length}", Fault.INDEX, index)
            text += f"[{index}]"
        return text

    # --- statements ---------------------------------------------------------------------------------------
    def block(self, statements: Sequence[Stmt]) -> None:
        self.depth += 1
        before = len(self.lines)
        self.statements(statements)
        if len(self.lines) == before:
            self.put("pass")
        self.depth -= 1

    def statements(self, statements: Sequence[Stmt]) -> None:
        for statement in statements:
            self.statement(statement)

    def statement(self, stmt: Stmt) -> None:
        match stmt:
            case Assign():
                self.put(f"{py_name(stmt.target)} = {self.bare(stmt.value)}")
            case Fetch():
                self.fetch(stmt)
            case Store():
                self.store(stmt)
            case Do():
                self.do(stmt)
            case Invoke():
                self.mark(stmt.line)
                arguments = ", ".join(self.argument(argument) for argument in stmt.args)
                function = self.printer.function_name(stmt.function)
                own = "call, self" if self.printer.is_method(stmt.function) else "call"
                target = f"{py_name(stmt.target)} = " if stmt.target else ""
                self.put(f"{target}{function}({own}{', ' if arguments else ''}{arguments})")
                self.at = -1
                self.check()
            case Guard():
                self.guard(stmt)
            case If():
                self.branch(stmt, "if")
            case Loop():
                self.loop(stmt)
            case EachSegment():
                self.each_segment(stmt)
            case Locked():
                self.locked(stmt)
            case Break():
                self.release(self.loops[-1][1])
                self.put("break")
            case Continue():
                self.release(self.loops[-1][1])
                for line in self.loops[-1][0]:
                    self.put(line)
                self.put("continue")
            case Return():
                entries = self.printer.program.entries
                if any(entry.function == self.function.name and entry.reports(stmt) for entry in entries):
                    self.mark(stmt.line)
                self.release(0)
                if stmt.is_as_after_error:
                    self.drop_idle_check()
                self.put(f"return {'0' if stmt.value is None else self.bare(stmt.value)}")
            case _:
                raise TypeError(f"no Numba text for {stmt!r}")

    def branch(self, stmt: If, keyword: str) -> None:
        self.put(f"{keyword} {self.bare(stmt.test)}:")
        at = self.at
        self.block(stmt.then)
        then_at, self.at = self.at, at
        match stmt.otherwise:
            case []:
                pass
            case [If() as chained]:
                self.branch(chained, "elif")
            case _:
                self.put("else:")
                self.block(stmt.otherwise)
        self.at = self.at if self.at == then_at else -1

    def fetch(self, stmt: Fetch) -> None:
        place = self.place(stmt.place, stmt.line)
        if stmt.place.field.noun == "Request":
            place += ".handle"
        truth = " != 0" if stmt.place.field.enum == "bool" else ""
        self.put(f"{py_name(stmt.target)} = i64({place}){truth}")

    def store(self, stmt: Store) -> None:
        value = self.text(stmt.value)
        if stmt.value.type.kind is Kind.BOOL:
            value = f"(1 if {value} else 0)"
        field = stmt.place.field
        place = self.place(stmt.place, stmt.line)  # as in Python: what cannot be reached takes no value
        if not stmt.checked and field.sized is not None:
            self.mark(stmt.line)
            self.in_range(value, field.sized)
        if stmt.value.type.kind is not Kind.BOOL:
            value = self.bare(stmt.value)
        self.put(f"{place}{'.handle' if field.noun == 'Request' else ''} = {value}")

    def in_range(self, value: str, sized: Sized) -> None:
        tests = []
        if sized.minimum > S64_MIN:
            tests.append(f"{value} < {sized.minimum}")
        if sized.maximum < S64_MAX:
            tests.append(f"{value} > {sized.maximum}")
        if tests:
            self.raise_if(" or ".join(tests), Fault.VALUE, value)

    def do(self, stmt: Do) -> None:
        name = f"{snake(stmt.noun)}_{stmt.verb}" if stmt.noun else stmt.verb
        if stmt.noun == "Atomic":
            name = f"atomic64_{stmt.verb}"
        arguments = ["call"]
        if stmt.place is not None and stmt.place.root in VIEWS:
            pass  # there is one for the call
        elif stmt.place is not None:
            arguments.append(self.place(stmt.place, stmt.line))
        elif stmt.segment:
            arguments.append(py_name(stmt.segment))
        elif stmt.subject is not None:
            subject = self.text(stmt.subject)
            if stmt.subject.type.kind is Kind.REQUEST_LIST:
                subject = f"{self.verb('request_list_at')}({subject}, 0)"
            arguments.append(subject)
        arguments += [self.argument(argument) for argument in stmt.args]
        if stmt.slot >= 0 and stmt.verb in STARTERS:
            arguments.append(f"i64({stmt.slot})")
        targets = [py_name(stmt.target)] if stmt.target else []
        if stmt.segment and stmt.verb in ("copy_to_page", "copy_from_page", "zero", "advance"):
            targets = [*(targets or ["_"]), py_name(stmt.segment)]
        if stmt.fallible:
            self.mark(stmt.line)
        target = f"{', '.join(targets)} = " if targets else ""
        self.put(f"{target}{self.verb(name)}({', '.join(arguments)})")
        if stmt.fallible:
            self.check()

    def guard(self, stmt: Guard) -> None:
        self.mark(stmt.line)
        left = self.text(stmt.left)
        right = self.text(stmt.right) if stmt.right is not None else ""
        if stmt.check is Check.DIVISOR:
            self.raise_if(f"{right} == 0", Fault.ZERO_DIVISION, left)
            self.raise_if(f"{right} == -1 and {left} == S64_MIN", Fault.DIVISION, left)
            self.printer.expressions.constants["S64_MIN"] = S64_MIN
        elif stmt.check is Check.SHIFT:
            self.raise_if(f"{right} < 0 or {right} > 63", Fault.SHIFT, right)
        elif stmt.check is Check.RANGE:
            assert stmt.sized is not None
            self.in_range(left, stmt.sized)
        elif stmt.check is Check.MEMBER:
            self.raise_if(_not_among(left, stmt.members), stmt.fault, left)
        else:
            self.raise_if(f"not {left}", stmt.fault, right or "0")

    def loop(self, stmt: Loop) -> None:
        self.at = -1
        step_lines = self.captured(stmt.step)
        burn = [*self.burn(stmt.line), *step_lines]
        if stmt.head:
            self.put("while True:")
            self.depth += 1
            self.statements(stmt.head)
            self.put(f"if not {self.text(stmt.test)}:")
            self.put("    break")
            self.depth -= 1
        else:
            self.put(f"while {self.bare(stmt.test)}:")
        self.turn(stmt.body, burn)

    def burn(self, line: int) -> list[str]:
        """A back edge's fuel; only an error notes the line."""
        mark = [f"    call.error_at = {self.function.file << LINE_BITS | line}"] if self.printer.lines else []
        leave = f"    return {nothing(self.function.returns)}"
        return [f"if {self.verb('burn')}(call, 1):", *mark, leave]

    def turn(self, body: Sequence[Stmt], behind: list[str]) -> None:
        """A loop's body and what follows it on every turn."""
        self.loops.append((behind, len(self.locks)))
        self.depth += 1
        self.statements(body)
        for line in behind:
            self.put(line)
        self.depth -= 1
        self.loops.pop()
        self.at = -1

    def captured(self, statements: Sequence[Stmt]) -> list[str]:
        """The lines of statements, without indentation of their own, printed but not yet put."""
        lines, self.lines = self.lines, []
        depth, self.depth = self.depth, 0
        self.statements(statements)
        captured, self.lines = self.lines, lines
        self.depth = depth
        self.at = -1
        return captured

    def each_segment(self, stmt: EachSegment) -> None:
        target = py_name(stmt.target)
        self.mark(stmt.line)
        self.put(f"{target} = {self.verb('segment_first')}(call, {self.text(stmt.request)})")
        self.check()
        self.put(f"while {self.verb('segment_more')}(call, {target}):")
        self.at = -1
        mark = [f"call.at = {self.function.file << LINE_BITS | stmt.line}"] if self.printer.lines else []
        behind = [*self.burn(stmt.line), *mark, f"{target} = {self.verb('segment_next')}({target})"]
        self.turn(stmt.body, behind)
        self.check()

    def locked(self, stmt: Locked) -> None:
        self.nr_locks += 1
        while (name := f"lock{self.nr_locks}") in self.names:
            self.nr_locks += 1
        self.put(f"{name} = {self.place(stmt.place, stmt.line)}")
        self.mark(stmt.line)
        self.put(f"{self.verb(snake(stmt.noun) + '_enter')}(call, {name})")
        self.check()
        self.locks.append(f"{self.verb(snake(stmt.noun) + '_exit')}(call, {name})")
        self.statements(stmt.body)
        leave = self.locks.pop()
        if not stmt.body or not isinstance(stmt.body[-1], Return | Break | Continue):
            self.put(leave)

    def release(self, keep: int) -> None:
        """Releases the locks beyond the first ``keep``, innermost first."""
        for leave in reversed(self.locks[keep:]):
            self.put(leave)


def verbs_of(text: str) -> list[str]:
    """The names of the verbs that a printed text imports."""
    return text.partition(VERBS_BEGIN)[2].partition(VERBS_END)[0].replace(",", "").split()


def _not_among(value: str, members: tuple[int, ...]) -> str:
    """Text of the test that a value is none of the sorted members."""
    if len(members) == members[-1] - members[0] + 1:
        return f"{value} < {members[0]} or {value} > {members[-1]}"
    return " and ".join(f"{value} != {member}" for member in members)


class _Printer:
    """Prints the module around the functions."""

    def __init__(self, program: Program, lines: bool) -> None:
        self.program = program
        self.lines = lines
        self.expressions = Expressions()
        self.roles: set[str] = {""}
        self.methods = {function.name: function for function in program.functions}

    def verb(self, name: str) -> str:
        self.expressions.verbs.add(name)
        return name

    def fault(self, fault: Fault) -> str:
        self.expressions.constants[f"Fault_{fault.name}"] = int(fault)
        return f"Fault_{fault.name}"

    def accessor(self, role: str) -> str:
        self.roles.add(role)
        return f"{self.program.record(role).name}_at"

    def function_name(self, name: str) -> str:
        return f"{self.program.snake_name}_{name}"

    def is_method(self, name: str) -> bool:
        return self.methods[name].method

    def names(self) -> set[str]:
        """What the printed functions use of the module around them."""
        own = {self.function_name(name) for name in self.methods} | {self.accessor(role) for role in self.roles}
        return own | self.expressions.verbs | set(self.expressions.constants)

    def module(self) -> str:
        functions = [self.function(function) for function in self.program.functions]
        entry = self.entry()
        about = [f"file {i}: {PurePath(name).name}" for i, name in enumerate(self.program.files)]
        about += [f"{name} is {value} in this text" for name, value in self.program.folded.items()]
        constants = [f"{name} = {value}" for name, value in sorted(self.expressions.constants.items())]
        verbs = ",\n".join(f"    {name}" for name in sorted(self.expressions.verbs))
        parts = [
            '"""{}\n\n{}\n"""'.format(
                f"Driver {self.program.name}, printed by blkmq for Numba: change the Python, not this.",
                "\n".join(about),
            ),
            f"{IMPORTS}{VERBS_BEGIN}{verbs},{VERBS_END}",
            "\n".join(constants),
            *self.records(),
        ]
        return "\n\n\n".join(["\n\n".join(part for part in parts if part), *functions, entry]) + "\n"

    def records(self) -> list[str]:
        parts = []
        for item in self.program.records:
            lines = []
            for field in item.fields:
                rest = field.record or (
                    f"noun.{field.noun}Record" if field.noun else field.sized.name if field.sized else ""
                )
                if field.noun == "Request":
                    rest = "noun.KeptRequestRecord"
                if field.length:
                    rest = f"times({rest}, {field.length})"
                lines.append(f'    ("{field.name}", {rest}),')
            fields = "".join(f"{line}\n" for line in ["", *lines]) if lines else ""
            parts.append(f'{item.name} = record("{item.name}", [{fields}])\n{item.name}_at = accessor({item.name})')
        return parts

    def function(self, function: Function) -> str:
        body = _Body(self, function)
        body.statements(function.body)
        if not function.body or not isinstance(function.body[-1], Return):
            if function.returns.kind is Kind.NONE:
                body.drop_idle_check()
            body.put(f"return {nothing(function.returns)}")
        own = ["call", "self"] if function.method else ["call"]
        parameters = ", ".join([*own, *(py_name(parameter.name) for parameter in function.parameters)])
        file = PurePath(self.program.files[function.file]).name
        head = [f"# {function.name}, {file}:{function.line}", "@function"]
        return "\n".join([*head, f"def {self.function_name(function.name)}({parameters}):", *body.lines])

    def entry(self) -> str:
        lines = ["@entry_point", "def entry(slot, call_address, a, b, c):", "    call = call_at(call_address, 0)"]
        lines.append(f"    self = {self.program.snake_name}_at(call.driver, 0)")
        for item in self.program.entries:
            lines.append(f"    if slot == {item.number}:")
            lines.append(f"        return {self.entry_call(item)}")
        return "\n".join([*lines, "    return 0"])

    def entry_call(self, item: Entry) -> str:
        function = self.methods[item.function]
        arguments = ["call", "self"]
        for place, parameter in zip("abc", function.parameters, strict=False):
            arguments.append(f"{place} != 0" if parameter.type.kind is Kind.BOOL else place)
        text = f"{self.function_name(item.function)}({', '.join(arguments)})"
        return f"(1 if {text} else 0)" if function.returns.kind is Kind.BOOL else text
