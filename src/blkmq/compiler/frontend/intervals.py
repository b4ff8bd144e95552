# SPDX-License-Identifier: MIT
"""Simple reasoning about which values an expression can have, to leave out checks that cannot fail."""

from __future__ import annotations

from collections.abc import Mapping

from blkmq.abi.page import PAGE_SIZE
from blkmq.compiler.program import AsInt, Binary, Choose, Expr, Extreme, Int, Kind, Local, SegmentLength, Unary
from blkmq.mq.integer import S64_MAX, S64_MIN, Sized

Interval = tuple[int, int]
ANY: Interval = (S64_MIN, S64_MAX)


def interval_of(expr: Expr, ranges: Mapping[str, Interval]) -> Interval:
    """Least and greatest value of an expression; ``ranges`` tells what is known of locals."""
    match expr:
        case Int(_, value):
            return value, value
        case Local(_, name):
            return ranges.get(name, (0, 1) if expr.type.kind is Kind.BOOL else ANY)
        case AsInt():
            return 0, 1
        case SegmentLength():
            return 0, PAGE_SIZE
        case Choose(_, _, then, otherwise):
            return _around(interval_of(then, ranges), interval_of(otherwise, ranges))
        case Extreme(_, op, values):
            bounds = [interval_of(value, ranges) for value in values]
            choose = min if op == "min" else max
            return choose(low for low, _ in bounds), choose(high for _, high in bounds)
        case Unary(_, op, value):
            low, high = interval_of(value, ranges)
            return _within(-high, -low) if op == "-" else _within(~high, ~low)
        case Binary(_, op, left, right):
            return _binary(op, interval_of(left, ranges), interval_of(right, ranges))
    return ANY


def fits(expr: Expr, sized: Sized, ranges: Mapping[str, Interval]) -> bool:
    """Whether every value of the expression fits the size."""
    low, high = interval_of(expr, ranges)
    return sized.minimum <= low and high <= sized.maximum


def _binary(op: str, left: Interval, right: Interval) -> Interval:
    (a, b), (c, d) = left, right
    match op:
        case "+":
            return _within(a + c, b + d)
        case "-":
            return _within(a - d, b - c)
        case "*":
            corners = (a * c, a * d, b * c, b * d)
            return _within(min(corners), max(corners))
        case "<<":
            return _within(min(a << c, a << d), max(b << c, b << d)) if c >= 0 and d <= 63 else ANY
        case ">>":
            return (min(a >> c, a >> d), max(b >> c, b >> d)) if c >= 0 and d <= 63 else ANY
        case "//" if c > 0:
            corners = (a // c, a // d, b // c, b // d)
            return min(corners), max(corners)
        case "%" if c > 0:
            return (0, min(b, d - 1)) if a >= 0 else (0, d - 1)
        case "&" if a >= 0 and c >= 0:
            return 0, min(b, d)
        case "&" if a >= 0:
            return 0, b
        case "&" if c >= 0:
            return 0, d
        case "|" | "^" if a >= 0 and c >= 0:
            return 0, (1 << max(b, d).bit_length()) - 1
    return ANY


def _within(low: int, high: int) -> Interval:
    return (low, high) if low >= S64_MIN and high <= S64_MAX else ANY


def _around(one: Interval, other: Interval) -> Interval:
    return min(one[0], other[0]), max(one[1], other[1])
