# SPDX-License-Identifier: MIT
"""The typed program means what the Python text means: both run, on the same numbers, with the same result.

The program is run here by a small evaluator with the rules of the compiled targets; the text by CPython,
instrumented.  Where only 64-bit overflow tells them apart (it raises in one and wraps in the other), nothing
is compared.
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Sequence
from typing import Any

import pytest

from blkmq.compiler import program as p
from blkmq.compiler.frontend.translate import translate
from blkmq.compiler.interpreted.target import interpret
from blkmq.mq.errors import DriverError, DriverOverflowError, Fault
from blkmq.native.integer import wrap

NUMBERS = (0, 1, -1, 7, 63, 64, -(1 << 62), (1 << 63) - 1, -(1 << 63))

BODIES = {
    "arithmetic": "return cmd + arg * 3 - (cmd ^ arg) + (cmd & 255 | 16)",
    "floor": "return cmd // 7 + cmd % 7 - arg // -3 + arg % -3",
    "division": "return cmd // arg + cmd % arg",
    "shifts": "return (cmd << (arg & 7)) + (cmd >> arg)",
    "unary": "return -cmd + ~arg + +cmd + abs(arg) + (not cmd)",
    "comparisons": "return (cmd < arg) + 2 * (cmd <= arg) + 4 * (cmd == arg) + 8 * (cmd != 0) + 16 * (cmd >= 7 > arg)",
    "chain": "return 1 if 0 <= cmd < 100 // arg <= 50 else 0",
    "long chain": "return 1 if -9 < cmd < 100 // arg <= cmd * arg < 1000 // cmd < 5000 else 0",
    "long and": "return int(cmd > 3 and 100 // (cmd - 7) > arg and cmd != 5 and 7 // arg < 2 and arg < 63)",
    "long or": "return int(cmd < 3 or 100 // (cmd - 7) < arg or cmd == 5 or 7 // arg > 2 or arg > 63)",
    "and": "return cmd and 100 // cmd and arg",
    "or": "return cmd or arg or 5",
    "bools": """
        found = cmd > 3 and 100 // (cmd - 3) > arg or arg == 64
        both = found & (arg > 0) | False
        return int(found) + 2 * both + 4 * (found ^ both) + 8 * (found == both)
        """,
    "conditional": "return 100 // cmd if cmd else -1 if arg else arg",
    "membership": "return (cmd in (1, 7, arg)) + 2 * (cmd not in {arg, 0})",
    "extremes": "return min(cmd, arg, 5) * 2 + max(cmd & 15, 3) + min(7, 2)",
    "if": """
        if cmd > arg:
            big = cmd
        elif cmd == arg:
            return -5
        else:
            big = arg
        return big - 1
        """,
    "while": """
        n = arg & 31
        total = 0
        while n > 0 and 100 // n != 14:
            n -= 1
            if n & 1:
                continue
            total += n
            if total > 50:
                break
        return total * 100 + n
        """,
    "while true": """
        n = cmd & 7
        while True:
            n += 3
            if n > 20:
                break
        return n
        """,
    "for": """
        total = 0
        for i in range(arg & 15):
            if i == 5:
                continue
            for j in range(i, 1, -2):
                total += i * j
        return total
        """,
    "for with its variable changed": """
        i = 50
        n = arg & 7
        total = 0
        for i in range(1, n, 2):
            n = 3
            total = total * 10 + i
            i += 100
        return total * 1000 + i
        """,
    "for at the edge": """
        total = 0
        for i in range(9223372036854775800, arg, 5):
            total += i & 0xFF
        for i in range(-9223372036854775800, arg, -5):
            total += 1
        return total
        """,
    "walrus": """
        total = 0
        n = arg & 15
        while (half := n // 2) != 0 and (rest := n - half) > 0:
            n = half
            total += rest
        if not (last := cmd & 3) or last < 2:
            total = -total
        return total * 16 + last
        """,
    "order": """
        total = self.next() - self.next() * self.next()
        return total + (self.next() if cmd > 0 else 0) - max(self.next(), self.next())
        """,
    "walrus order": """
        a = cmd & 7
        if a > (a := arg & 7) and a + 1 > (a := a * 2) or a == 3:
            return a
        return -a
        """,
    "fields": """
        self.count = cmd & 0xFF
        self.count += 1
        self.small = arg
        self.mode = Mode(cmd % 4)
        self.flag = cmd > arg
        return self.count + self.small + self.mode + self.flag + self.config.size
        """,
    "array": """
        self.counts[cmd & 3] = 7
        self.counts[arg] += self.counts[cmd % 4] + 1
        total = 0
        for i in range(len(self.counts)):
            total = total * 11 + self.counts[i]
        return total
        """,
    "array range": """
        self.bytes[1] += cmd
        return self.bytes[1]
        """,
    "xarray": """
        old = self.sparse.load(cmd & 3)
        self.sparse.store(cmd & 3, max(arg, 1))
        return old + self.sparse.load(cmd & 3) + self.sparse.erase(arg)
        """,
    "atomic": """
        before = self.ticket.fetch_add(cmd)
        self.ticket.cmpxchg(cmd, arg)
        return before + self.ticket.xchg(3)
        """,
    "enum": """
        mode = Mode.SLOW if cmd else Mode(arg)
        if mode == Mode.FAST:
            return 1
        return mode.value * 10
        """,
    "flags": """
        flags = Flag(cmd & 3) | Flag.C
        if flags & Flag.A:
            flags = flags ^ Flag.C
        return int(flags)
        """,
    "calls": "return self.weigh(arg=cmd) + double(self.weigh(2, arg)) + super().base(cmd)",
    "assert": """
        assert cmd >= 0, "cmd counts up"
        assert arg or cmd
        return 3
        """,
    "constants": "return LIMIT + self.PER_CLASS + 2**10 + (1 << 20) + -3 // 2 + Mode.SLOW.value",
    "dead ends": """
        if LIMIT > 5:
            return cmd
        return "never looked at"
        """,
    "narrow": """
        n: int = cmd % 300
        b = n > 299
        self.flag = b
        self.count = n
        return self.count
        """,
    "augmented": """
        n = cmd & 0xFFFF
        n += 2; n -= arg & 3; n *= 3; n //= 2; n %= 1000; n <<= 2; n >>= 1; n |= 64; n &= 1023; n ^= arg & 7
        return n
        """,
}  # fmt: skip

MODULE = """
from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Annotated, ClassVar

from blkmq import Array, Atomic, BlkStatus, HwCtx, Operations, Request, XArray, s8, u8, u64

LIMIT = 10


class Mode(IntEnum):
    FAST = 1
    SLOW = 2
    OFF = 0


class Flag(IntFlag):
    A = 1
    B = 2
    C = 4


def double(n: int) -> int:
    return n + n


@dataclass(frozen=True)
class Config:
    size: u64 = 3


class Base(Operations):
    def base(self, n: int) -> int:
        return n & 1


class Driver(Base):
    config: Config
    count: u8
    small: s8
    mode: Mode
    flag: bool
    turn: u64
    counts: Annotated[Array[u64], 4]
    bytes: Annotated[Array[u8], 2]
    sparse: XArray
    ticket: Atomic
    PER_CLASS: ClassVar[int] = 5

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        return BlkStatus.OK

    def base(self, n: int) -> int:
        return -n

    def next(self) -> int:
        self.turn += 1
        return self.turn

    def weigh(self, n: int = 1, arg: int = 4) -> int:
        return n * 10 + (arg & 15)

    def ioctl(self, cmd: int, arg: int) -> int:
"""


@pytest.mark.parametrize("body", BODIES.values(), ids=list(BODIES))
def test_program_means_what_python_means(body: str, load_driver: Any) -> None:
    driver = load_driver(MODULE + textwrap.indent(textwrap.dedent(body).strip() + "\n", "        "))
    program = translate(driver)
    for cmd, arg in itertools.product(NUMBERS, NUMBERS):
        try:
            expected: object = int(interpret(driver()).ioctl(cmd, arg))
        except DriverOverflowError:
            continue
        except DriverError as error:
            expected = error.fault
        assert Evaluator(program, driver()).outcome("ioctl", cmd, arg) == expected, (cmd, arg)


class Failure(Exception):
    """An error of the driver's."""


class Left(Exception):
    """A break, continue or return on its way."""

    def __init__(self, statement: p.Stmt, value: int | None = None) -> None:
        self.statement = statement
        self.value = value


class Evaluator:
    """Runs a typed program by the book; its driver keeps integers, arrays, atomics and xarrays."""

    def __init__(self, program: p.Program, driver: Any) -> None:
        self.functions = {function.name: function for function in program.functions}
        self.driver = interpret(driver)
        self.fields: dict[tuple[str, ...], Any] = {}
        for field in program.record("").fields:
            self.fields[(field.name,)] = [0] * field.length if field.length else field.default
        for field in program.record("config").fields:
            self.fields["config", field.name] = field.default

    def outcome(self, function: str, *args: int) -> object:
        try:
            return self.call(function, args)
        except Failure as failure:
            return failure.args[0]

    def call(self, name: str, args: Sequence[Any]) -> Any:
        function = self.functions[name]
        names = [parameter.name for parameter in function.parameters]
        local = dict(zip(names, args, strict=True))
        try:
            self.block(function.body, local)
        except Left as left:
            return left.value
        return None

    def block(self, block: Sequence[p.Stmt], local: dict[str, Any]) -> None:
        for statement in block:
            self.statement(statement, local)

    def statement(self, s: p.Stmt, local: dict[str, Any]) -> None:
        match s:
            case p.Assign():
                local[s.target] = self.value(s.value, local)
            case p.Fetch():
                local[s.target] = self.place(s.place, local, s.raises)
            case p.Store():
                self.store(s, local)
            case p.Guard():
                self.guard(s, local)
            case p.If():
                self.block(s.then if self.value(s.test, local) else s.otherwise, local)
            case p.Loop():
                self.loop(s, local)
            case p.Break() | p.Continue():
                raise Left(s)
            case p.Return():
                raise Left(s, None if s.value is None else self.value(s.value, local))
            case p.Invoke():
                local[s.target] = self.call(s.function, [self.value(a, local) for a in s.args])
            case p.Do():
                assert s.place is not None
                verb = getattr(getattr(self.driver, s.place.path[0]), s.verb)
                local[s.target] = self.verb(verb, [self.value(a, local) for a in s.args])
            case _:
                raise NotImplementedError(s)

    def verb(self, verb: Any, args: list[int]) -> Any:
        try:
            return verb(*args)
        except DriverError as error:
            raise Failure(error.fault) from None

    def loop(self, s: p.Loop, local: dict[str, Any]) -> None:
        while True:
            self.block(s.head, local)
            if not self.value(s.test, local):
                return
            try:
                self.block(s.body, local)
            except Left as left:
                if isinstance(left.statement, p.Break):
                    return
                if isinstance(left.statement, p.Return):
                    raise
            self.block(s.step, local)

    def guard(self, s: p.Guard, local: dict[str, Any]) -> None:
        assert isinstance(s.left, p.Local | p.Int | p.Bool)
        left = self.value(s.left, local)
        right = self.value(s.right, local) if s.right else 0
        match s.check:
            case p.Check.DIVISOR:
                if right == 0:
                    raise Failure(Fault.ZERO_DIVISION)
                if right == -1 and left == -(1 << 63):
                    raise Failure(Fault.DIVISION)
            case p.Check.SHIFT if not 0 <= right <= 63:
                raise Failure(Fault.SHIFT)
            case p.Check.MEMBER if left not in s.members:
                raise Failure(s.fault)
            case p.Check.ASSERT if not left:
                raise Failure(Fault.ASSERT)

    def index(self, place: p.Place, local: dict[str, Any], checks: bool) -> int:
        assert isinstance(place.index, p.Local | p.Int)
        index = int(self.value(place.index, local))
        inside = 0 <= index < place.field.length
        assert checks or inside, "an index that was taken for safe"
        if not inside:
            raise Failure(Fault.INDEX)
        return index

    def place(self, place: p.Place, local: dict[str, Any], raises: bool) -> Any:
        value = self.fields[place.path]
        return value[self.index(place, local, raises)] if place.index else value

    def store(self, s: p.Store, local: dict[str, Any]) -> None:
        value = int(self.value(s.value, local))
        assert s.place.field.sized is not None
        fits = s.place.field.sized.holds(value)
        assert fits or not s.checked, "a value that was taken for safe"
        index = self.index(s.place, local, s.raises) if s.place.index else None
        if not fits:
            raise Failure(Fault.VALUE)
        if index is None:
            self.fields[s.place.path] = value
        else:
            self.fields[s.place.path][index] = value

    def value(self, e: p.Expr, local: dict[str, Any]) -> Any:
        match e:
            case p.Int() | p.Bool():
                return e.value
            case p.Local():
                return local[e.name]
            case p.Binary():
                return wrap(OPERATORS[e.op](self.value(e.left, local), self.value(e.right, local)))
            case p.Compare():
                return OPERATORS[e.op](self.value(e.left, local), self.value(e.right, local))
            case p.Unary(op="not"):
                return not self.value(e.value, local)
            case p.Unary():
                value = self.value(e.value, local)
                return wrap(-value) if e.op == "-" else ~value
            case p.Logic():
                values = [self.value(v, local) for v in e.values]
                return all(values) if e.op == "and" else any(values)
            case p.Choose():
                return self.value(e.then if self.value(e.test, local) else e.otherwise, local)
            case p.Extreme():
                values = [self.value(v, local) for v in e.values]
                return min(values) if e.op == "min" else max(values)
            case p.Truth():
                return bool(self.value(e.value, local))
            case p.AsInt():
                return int(self.value(e.value, local))
        raise NotImplementedError(e)


OPERATORS: dict[str, Any] = {
    "+": int.__add__, "-": int.__sub__, "*": int.__mul__, "//": int.__floordiv__, "%": int.__mod__,
    "<<": int.__lshift__, ">>": int.__rshift__, "&": int.__and__, "|": int.__or__, "^": int.__xor__,
    "==": int.__eq__, "!=": int.__ne__, "<": int.__lt__, "<=": int.__le__, ">": int.__gt__, ">=": int.__ge__,
}  # fmt: skip
