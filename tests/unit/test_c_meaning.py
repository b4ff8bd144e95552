# SPDX-License-Identifier: MIT
"""What printed C computes, compared with Python: expressions at random, and each kind of statement."""

from __future__ import annotations

import ctypes
import random
from collections.abc import Callable, Sequence

import pytest

from blkmq.compiler.c.build import build_c, load_c
from blkmq.compiler.program import (
    AsInt,
    Assign,
    Binary,
    Bool,
    Break,
    Check,
    Choose,
    Compare,
    Continue,
    Entry,
    Expr,
    Extreme,
    Fetch,
    Field,
    Function,
    Guard,
    If,
    Int,
    Invoke,
    Kind,
    Local,
    Locked,
    Logic,
    Loop,
    Parameter,
    Place,
    Program,
    Record,
    Return,
    Root,
    Stmt,
    Store,
    Truth,
    Type,
    Unary,
)
from blkmq.dispatch.c_layout import c_layout
from blkmq.dispatch.call import Call
from blkmq.dispatch.engine import ENTRY_TYPE
from blkmq.mq.errors import Fault
from blkmq.mq.integer import S64_MAX, S64_MIN, Sized
from blkmq.native.integer import wrap

S64, BOOL, NONE = Type(Kind.S64), Type(Kind.BOOL), Type(Kind.NONE)
A, B, C = (Local(S64, name) for name in "abc")
ZERO, ONE = Int(S64, 0), Int(S64, 1)
COUNTS = Field("counts", Sized("u8", 8, False), length=4)
TOTAL = Field("total", Sized("u64", 64, False))
LOCK = Field("lock", noun="SpinLock")
FUEL = 1000


class State(ctypes.Structure):
    """The program's record."""

    _fields_ = [("counts", ctypes.c_uint8 * 4), ("total", ctypes.c_uint64), ("owner", ctypes.c_int64 * 8)]


class Running:
    """A built program: functions ``f0``, ``f1`` … of a, b and c."""

    def __init__(self, bodies: Sequence[Sequence[Stmt]], returns: Type = S64) -> None:
        parameters = tuple(Parameter(name, S64) for name in "abc")
        functions = tuple(
            Function(f"f{i}", parameters, returns, [*body], {"i": S64, "t": S64, "done": BOOL}, 0, 1)
            for i, body in enumerate(bodies)
        )
        empty = tuple(Record(f"some_{role}", ()) for role in ("config", "pdu", "hw", "shared"))
        records = (empty[0], Record("some", (COUNTS, TOTAL, LOCK)), *empty[1:])
        entries = tuple(Entry(i, function.name, None) for i, function in enumerate(functions))
        program = Program("Some", "some", ("some.py",), records, functions, entries)
        self.entry = ENTRY_TYPE(load_c(build_c(program, c_layout())))
        self.state = State()
        self.call = Call()
        self.call.driver = ctypes.addressof(self.state)
        self.call.id = 7

    def __call__(self, number: int = 0, a: int = 0, b: int = 0, c: int = 0) -> int:
        self.call.error = 0
        self.call.fuel = FUEL
        result: int = self.entry(number, ctypes.addressof(self.call), a, b, c)
        return result

    def fault(self, number: int = 0, a: int = 0, b: int = 0, c: int = 0) -> tuple[Fault, int, int]:
        """The error that a call ends with, its value and its line."""
        assert self(number, a, b, c) == 0
        return Fault(self.call.error), self.call.value, self.call.error_at


# --- expressions -------------------------------------------------------------------------------------
DIVISORS = [1, 2, 3, 7, 4096, 1 << 40, -2, -3, -4096, S64_MAX, S64_MIN]
NUMBERS = [0, 1, 2, -1, 63, 4095, 1 << 31, -(1 << 31), (1 << 31) - 1, 1 << 32, 1 << 62, S64_MAX, S64_MIN]


def number(rnd: random.Random, depth: int) -> Expr:
    """An expression of an integer."""
    if depth == 0:
        return rnd.choice([A, B, C, Int(S64, rnd.choice(NUMBERS), rnd.choice(["", "SOME_NAME"]))])
    left, right = number(rnd, depth - 1), number(rnd, rnd.randrange(depth))
    match rnd.randrange(9):
        case 0:
            return Binary(S64, rnd.choice(["//", "%"]), left, Int(S64, rnd.choice(DIVISORS)))
        case 1:
            return Binary(S64, rnd.choice(["<<", ">>"]), left, Int(S64, rnd.randrange(64)))
        case 2:
            return Binary(S64, "<<", Int(S64, rnd.choice(NUMBERS)), Binary(S64, "&", right, Int(S64, 63)))
        case 3:
            return Unary(S64, rnd.choice("-~"), left)
        case 4:
            return Choose(S64, truth(rnd, depth - 1), left, right)
        case 5:
            return Extreme(S64, rnd.choice(["min", "max"]), (left, right, number(rnd, 0)))
        case 6:
            return AsInt(S64, truth(rnd, depth - 1))
    return Binary(S64, rnd.choice("+-*&|^"), left, right)


def truth(rnd: random.Random, depth: int) -> Expr:
    """An expression of a bool."""
    if depth == 0:
        return rnd.choice([Bool(BOOL, True), Truth(BOOL, A), Compare(BOOL, "<", B, C)])
    match rnd.randrange(5):
        case 0:
            return Unary(BOOL, "not", truth(rnd, depth - 1))
        case 1:
            return Logic(
                BOOL, rnd.choice(["and", "or"]), tuple(truth(rnd, depth - 1) for _ in range(rnd.choice([2, 3])))
            )
        case 2:
            return Truth(BOOL, number(rnd, depth - 1))
        case 3:
            return Compare(BOOL, rnd.choice(["==", "!="]), truth(rnd, depth - 1), truth(rnd, 0))
    return Compare(BOOL, rnd.choice(["==", "!=", "<", "<=", ">", ">="]), number(rnd, depth - 1), number(rnd, 0))


OPERATORS: dict[str, Callable[[int, int], int]] = {
    "+": int.__add__, "-": int.__sub__, "*": int.__mul__, "//": int.__floordiv__, "%": int.__mod__,
    "<<": int.__lshift__, ">>": int.__rshift__, "&": int.__and__, "|": int.__or__, "^": int.__xor__,
    "==": int.__eq__, "!=": int.__ne__, "<": int.__lt__, "<=": int.__le__, ">": int.__gt__, ">=": int.__ge__,
}  # fmt: skip


def meaning(expr: Expr, names: dict[str, int]) -> int:
    """What Python makes of it, in 64 bits."""
    match expr:
        case Int() | Bool():
            return expr.value
        case Local():
            return names[expr.name]
        case Binary() | Compare():
            return wrap(OPERATORS[expr.op](meaning(expr.left, names), meaning(expr.right, names)))
        case Unary():
            value = meaning(expr.value, names)
            return not value if expr.op == "not" else wrap(-value if expr.op == "-" else ~value)
        case Choose():
            return meaning(expr.then if meaning(expr.test, names) else expr.otherwise, names)
        case Logic():
            return (all if expr.op == "and" else any)(meaning(value, names) for value in expr.values)
        case Extreme():
            return (min if expr.op == "min" else max)(meaning(value, names) for value in expr.values)
        case Truth():
            return meaning(expr.value, names) != 0
        case AsInt():
            return int(meaning(expr.value, names))
    raise TypeError(expr)


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_expressions_at_random(depth: int) -> None:
    rnd = random.Random(depth)
    exprs = [number(rnd, depth) for _ in range(300)]
    running = Running([[Return(1, expr)] for expr in exprs])
    for i, expr in enumerate(exprs):
        for _ in range(20):
            a, b, c = (rnd.choice([*NUMBERS, rnd.randrange(S64_MIN, S64_MAX)]) for _ in range(3))
            assert running(i, a, b, c) == meaning(expr, {"a": a, "b": b, "c": c}), (expr, a, b, c)


# --- checks --------------------------------------------------------------------------------------------
def test_guards() -> None:
    guards = [
        Guard(5, Check.DIVISOR, Fault.ZERO_DIVISION, A, B),
        Guard(5, Check.SHIFT, Fault.SHIFT, A, B),
        Guard(5, Check.RANGE, Fault.VALUE, A, sized=Sized("s16", 16, True)),
        Guard(5, Check.MEMBER, Fault.STATUS, A, members=(-3, 0, 1, 2, 9)),
        Guard(5, Check.ASSERT, Fault.ASSERT, Compare(BOOL, "<", A, B)),
        Guard(5, Check.HOLDS, Fault.ABSENT, Truth(BOOL, A)),
    ]
    running = Running([[guard, Return(6, ONE)] for guard in guards])
    assert running.fault(0, 9, 0) == (Fault.ZERO_DIVISION, 9, 5)
    assert running.fault(0, S64_MIN, -1) == (Fault.DIVISION, S64_MIN, 5)
    assert running(0, S64_MIN, 1) == running(0, 5, -1) == 1
    assert running.fault(1, 1, 64) == (Fault.SHIFT, 64, 5)
    assert running.fault(1, 1, -1) == (Fault.SHIFT, -1, 5)
    assert running(1, 1, 63) == 1
    assert running.fault(2, 32768) == (Fault.VALUE, 32768, 5)
    assert running(2, -32768) == 1
    members = {a for a in range(-10, 20) if running(3, a)}
    assert members == {-3, 0, 1, 2, 9}
    assert running.fault(3, 3) == (Fault.STATUS, 3, 5)
    assert running.fault(4, 2, 2) == (Fault.ASSERT, 0, 5)
    assert running.fault(5, 0) == (Fault.ABSENT, 0, 5)
    assert running(5, 4) == 1


def test_fields() -> None:
    element = Place(Root.SELF, ("counts",), COUNTS, index=A)
    total = Place(Root.SELF, ("total",), TOTAL)
    running = Running([
        [Fetch(3, "t", element, True), Return(4, Local(S64, "t"))],
        [Store(3, element, Binary(S64, "+", B, ONE), False, True), Return(4, ONE)],
        [Store(3, total, B, False, True), Fetch(4, "t", total, False), Return(4, Local(S64, "t"))],
    ])  # fmt: skip
    running.state.counts[3] = 200
    assert running(0, 3) == 200
    assert running.fault(0, 4) == (Fault.INDEX, 4, 3)
    assert running.fault(0, -1) == (Fault.INDEX, -1, 3)
    assert running(1, 3, 254) == 1
    assert running.state.counts[3] == 255
    assert running.fault(1, 3, 255) == (Fault.VALUE, 256, 3)
    assert running.fault(1, 9, 255) == (Fault.INDEX, 9, 3)  # the way to the field first, then the value, as in Python
    assert running.state.counts[3] == 255
    assert running(2, 0, S64_MAX) == S64_MAX
    assert running.fault(2, 0, -1) == (Fault.VALUE, -1, 3)


# --- loops, locks, calls -----------------------------------------------------------------------------------
COUNTER, SUM = Local(S64, "i"), Local(S64, "t")


def plus(target: Local, value: Expr, line: int = 1) -> Assign:
    return Assign(line, target.name, Binary(S64, "+", target, value))


def test_loops_burn_fuel() -> None:
    skips = If(3, Compare(BOOL, "==", COUNTER, B), [Continue(3)], [])
    leaves = If(4, Compare(BOOL, "==", COUNTER, C), [Break(4)], [])
    counting = Loop(2, [], Compare(BOOL, "<", COUNTER, A), [skips, leaves, plus(SUM, COUNTER)], [plus(COUNTER, ONE)])
    asking = Loop(2, [plus(COUNTER, ONE)], Compare(BOOL, "<", COUNTER, A), [skips, plus(SUM, COUNTER)])
    endless = Loop(2, [], Bool(BOOL, True), [Assign(3, "t", ONE)])
    clear = [Assign(1, "i", ZERO), Assign(1, "t", ZERO)]
    running = Running([[*clear, loop, Return(9, SUM)] for loop in (counting, asking, endless)])
    assert running(0, 10, -1, -1) == 45
    assert running.call.fuel == FUEL - 10
    assert running(0, 10, 5, 8) == sum(range(8)) - 5
    assert running.call.fuel == FUEL - 8  # continue burns, break does not
    assert running(1, 10, 5) == 40
    assert running.call.fuel == FUEL - 9
    assert running(0, FUEL, -1, -1) == sum(range(FUEL))
    assert running.fault(0, FUEL + 1, -1, -1) == (Fault.FUEL, 0, 2)
    assert running.fault(2) == (Fault.FUEL, 0, 2)


def test_locks_are_given_back_however_the_block_ends() -> None:
    place = Place(Root.SELF, ("lock",), LOCK)
    locked = Locked(3, "SpinLock", place, [
        If(4, Compare(BOOL, "==", COUNTER, A), [Break(4)], []),
        If(5, Compare(BOOL, "==", COUNTER, B), [Continue(5)], []),
        If(6, Compare(BOOL, "==", COUNTER, C), [Return(6, SUM)], []),
        plus(SUM, ONE),
    ])  # fmt: skip
    loop = Loop(2, [], Compare(BOOL, "<", COUNTER, Int(S64, 10)), [locked], [plus(COUNTER, ONE)])
    twice = Locked(3, "SpinLock", place, [Locked(4, "SpinLock", place, [Return(4, ONE)])])
    running = Running(
        [[Assign(1, "i", ZERO), Assign(1, "t", ZERO), loop, Return(9, Unary(S64, "-", SUM))], [twice, Return(5, ZERO)]]
    )
    for arguments, expected in (((-1, -1, -1), -10), ((4, -1, -1), -4), ((-1, 4, -1), -9), ((-1, -1, 4), 4)):
        assert running(0, *arguments) == expected
        assert (running.state.owner[0], running.call.nr_held, running.call.nr_spinning) == (0, 0, 0)
    assert running.fault(1) == (Fault.LOCK, 1, 4)
    assert running.state.owner[0] == running.call.id
    assert running.call.held[0] == ctypes.addressof(running.state) + State.owner.offset


def test_an_error_in_a_called_function_leaves_its_callers() -> None:
    raising = [Guard(5, Check.ASSERT, Fault.ASSERT, Compare(BOOL, "<", A, B)), Return(6, Int(S64, 21))]
    calling = [Invoke(8, "t", "f0", (A, B, C), S64), Return(9, Binary(S64, "*", SUM, Int(S64, 2)))]
    running = Running([raising, calling])
    assert running(1, 1, 2) == 42
    assert running.fault(1, 2, 2) == (Fault.ASSERT, 0, 5)


def test_functions_that_return_nothing_or_a_bool() -> None:
    assert Running([[Assign(1, "t", A)]], NONE)(0, 5) == 0
    running = Running([[Return(1, Compare(BOOL, "<", A, B))]], BOOL)
    assert [running(0, 1, 2), running(0, 2, 1)] == [1, 0]
