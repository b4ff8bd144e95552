# SPDX-License-Identifier: MIT
"""The operators of the interpreted target: 64-bit rules for integers, Python's own for everything else.

Instrumented drivers call these in place of the operators, in their own words ``add`` for ``+`` and ``iadd``
for ``+=``.
"""

from __future__ import annotations

import ast
import operator
import sys
from collections.abc import Callable
from enum import IntEnum, IntFlag
from typing import Any, NoReturn

from blkmq.compiler.interpreted.fuel import frame
from blkmq.mq.at_rest import bits_of
from blkmq.mq.blk_status import BlkStatus
from blkmq.mq.errors import (
    DriverAssertionError,
    DriverDivisionError,
    DriverOverflowError,
    DriverShiftError,
    DriverValueError,
    DriverZeroDivisionError,
    StatusError,
)
from blkmq.mq.integer import S64_MAX, S64_MIN

Operator = Callable[[Any, Any], Any]
UnaryOperator = Callable[[Any], Any]


def add(left: Any, right: Any) -> Any:
    result = left + right
    if type(result) is int and not S64_MIN <= result <= S64_MAX:
        overflow(left, "+", right)
    return result


def sub(left: Any, right: Any) -> Any:
    result = left - right
    if type(result) is int and not S64_MIN <= result <= S64_MAX:
        overflow(left, "-", right)
    return result


def mul(left: Any, right: Any) -> Any:
    result = left * right
    if type(result) is int and not S64_MIN <= result <= S64_MAX:
        overflow(left, "*", right)
    return result


def power(left: Any, right: Any) -> Any:
    result = left**right
    if type(result) is int and not S64_MIN <= result <= S64_MAX:
        overflow(left, "**", right)
    return result


def floordiv(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int):
        check_division(left, "//", right)
    return left // right


def mod(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int):
        check_division(left, "%", right)
    return left % right


def lshift(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int):
        check_shift(left, "<<", right)
        result = left << right
        if not S64_MIN <= result <= S64_MAX:
            overflow(left, "<<", right)
        return result
    return left << right


def rshift(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int):
        check_shift(left, ">>", right)
    return left >> right


def bitor(left: Any, right: Any) -> Any:
    result = left | right
    return int(left) | int(right) if isinstance(result, IntFlag) and type(left) is not type(right) else result


def bitxor(left: Any, right: Any) -> Any:
    result = left ^ right
    return int(left) ^ int(right) if isinstance(result, IntFlag) and type(left) is not type(right) else result


def invert(value: Any) -> Any:
    return ~int(value) if isinstance(value, int) else ~value


def neg(value: Any) -> Any:
    if type(value) is int and value == S64_MIN:
        overflow(0, "-", value)
    return -value


def absolute(value: Any) -> Any:
    if type(value) is int and value == S64_MIN:
        overflow(0, "-", value)
    return abs(value)


def member(enum: type[IntEnum | IntFlag], value: Any) -> Any:
    """``enum(value)``: a number that is no member's, or no set of flags, is the driver's error."""
    if issubclass(enum, IntFlag) and int(value) & ~bits_of(enum):
        raise DriverValueError(f"{value!r} is no {enum.__name__}")
    try:
        return enum(value)
    except ValueError:
        kind = StatusError if enum.__name__ == "BlkStatus" else DriverValueError
        raise kind(f"{value!r} is no {enum.__name__}") from None


def fail(message: Any = None) -> NoReturn:
    """What a false ``assert`` does."""
    raise DriverAssertionError("assertion failed" if message is None else str(message))


def answer(value: Any) -> Any:
    """What a callback returns; if it is anything but OK, the line is kept for the report that may follow."""
    if value is not BlkStatus.OK:
        caller = sys._getframe(1)
        frame.left_at = caller.f_code.co_filename, caller.f_lineno
    return value


def overflow(left: Any, op: str, right: Any) -> NoReturn:
    raise DriverOverflowError(f"{left!r} {op} {right!r} leaves 64 bits")


def check_division(left: int, op: str, right: int) -> None:
    if right == 0:
        raise DriverZeroDivisionError(f"{left} {op} 0")
    if right == -1 and left == S64_MIN:
        raise DriverDivisionError(f"{left} {op} -1 has no 64-bit result")


def check_shift(left: int, op: str, right: int) -> None:
    if not 0 <= right <= 63:
        raise DriverShiftError(f"{left} {op} {right}: a shift count is 0..63")


def in_place(plain: Operator, augmented: Operator) -> Operator:
    """``left op= right``: checked for integers, in place for what can be changed in place."""

    def apply(left: Any, right: Any) -> Any:
        return plain(left, right) if isinstance(left, int) else augmented(left, right)

    return apply


#: By AST node: the name in instrumented code, the checked operator, and the one of the augmented assignment.
OPERATORS: dict[type[ast.operator], tuple[str, Operator, Operator]] = {
    ast.Add: ("add", add, in_place(add, operator.iadd)),
    ast.Sub: ("sub", sub, in_place(sub, operator.isub)),
    ast.Mult: ("mul", mul, in_place(mul, operator.imul)),
    ast.Pow: ("pow", power, in_place(power, operator.ipow)),
    ast.FloorDiv: ("floordiv", floordiv, in_place(floordiv, operator.ifloordiv)),
    ast.Mod: ("mod", mod, in_place(mod, operator.imod)),
    ast.LShift: ("lshift", lshift, in_place(lshift, operator.ilshift)),
    # A flag with a number is a number, negative ones included; Python's IntFlag would take that for a set of flags.
    ast.BitOr: ("bitor", bitor, in_place(bitor, operator.ior)),
    ast.BitXor: ("bitxor", bitxor, in_place(bitxor, operator.ixor)),
    ast.RShift: ("rshift", rshift, in_place(rshift, operator.irshift)),
}

UNARY: dict[type[ast.unaryop], tuple[str, UnaryOperator]] = {ast.USub: ("neg", neg), ast.Invert: ("invert", invert)}
