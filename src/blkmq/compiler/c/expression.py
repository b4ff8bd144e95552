# SPDX-License-Identifier: MIT
"""Expressions, names and types of the typed program, as C.

All arithmetic is 64 bits signed and wraps (``-fwrapv``; the kernel builds with ``-fno-strict-overflow``).
A literal is an ``int`` in C: where two of them would meet, one is widened.
"""

from __future__ import annotations

import re

from blkmq.compiler.program import (
    Absent,
    AsInt,
    Assign,
    Binary,
    Bool,
    Choose,
    Compare,
    Expr,
    Extreme,
    Int,
    Kind,
    Local,
    Logic,
    SegmentLength,
    Truth,
    Unary,
)
from blkmq.mq.integer import S64_MAX, S64_MIN

#: Names that C, the kernel's macros or the printed text itself have taken.
RESERVED = frozenset(
    """
    auto break case char const continue default do double else enum extern float for goto if inline int long
    register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while
    asm typeof linux unix i386
    bool true false u8 u16 u32 u64 s8 s16 s32 s64 NULL READ_ONCE WRITE_ONCE likely unlikely min_t max_t
    current S64_MIN S64_MAX errno
    call self shared pdu hw element stored
    """.split()  # noqa: SIM905
)

TYPE_TEXT = {
    Kind.S64: "s64 ",
    Kind.BOOL: "bool ",
    Kind.NONE: "void ",
    Kind.REQUEST: "struct blkmq_rq ",
    Kind.PAGE: "struct blkmq_page ",
    Kind.SEGMENT: "struct blkmq_segment ",
    Kind.HW_CTX: "struct blkmq_hw_ctx ",
    Kind.REQUEST_LIST: "struct blkmq_request_list *",
    Kind.BATCH: "struct blkmq_io_completion_batch *",
}

#: What a function returns after an error, and what a local holds before its first assignment.
NOTHING = {
    Kind.S64: "0",
    Kind.BOOL: "false",
    Kind.NONE: "",
    Kind.REQUEST: "BLKMQ_NO_RQ",
    Kind.PAGE: "BLKMQ_NO_PAGE",
    Kind.SEGMENT: "{}",
    Kind.HW_CTX: "BLKMQ_NO_HW_CTX",
    Kind.REQUEST_LIST: "NULL",
    Kind.BATCH: "NULL",
}

PRESENT = {Kind.REQUEST: "blkmq_rq_present", Kind.PAGE: "blkmq_page_present"}

_INT_MAX = (1 << 31) - 1
_SHIFTS = ("<<", ">>")
_ADDITIVE = ("+", "-")
# How tightly a text binds: only what every reader knows by heart goes without parentheses.
_CHOICE, _OR, _AND, _COMPARE, _BITS, _SUM, _PRODUCT, _UNARY, _PRIMARY = range(9)


def c_name(name: str) -> str:
    """The C name of a Python local or field: the same, if C leaves it free."""
    if not name.isascii():
        name = "".join(c if c.isascii() else f"_u{ord(c):x}" for c in name)
    return f"{name}_" if name.rstrip("_") in RESERVED else name


def snake(name: str) -> str:
    """``PageStore`` as ``page_store``: the nouns' names in C."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def declared(kind: Kind, name: str) -> str:
    """``s64 position``."""
    return f"{TYPE_TEXT[kind]}{name}"


def integer(value: int) -> str:
    """A literal; one that does not fit an ``int`` is marked."""
    if value == S64_MIN:
        return "S64_MIN"
    if value == S64_MAX:
        return "S64_MAX"
    return str(value) if -_INT_MAX <= value <= _INT_MAX else f"{value}LL"


def expression(expr: Expr) -> str:
    """The C text of a pure expression."""
    return _print(expr)[0]


def _is_int(expr: Expr) -> bool:
    """Whether C would take the text for an ``int``, narrower than it must be."""
    match expr:
        case Int():
            return -_INT_MAX <= expr.value <= _INT_MAX
        case Unary() if expr.op != "not":
            return _is_int(expr.value)
        case Choose():
            return _is_int(expr.then) and _is_int(expr.otherwise)
    return False


def _operand(expr: Expr, least: int, *, wide: bool = False) -> str:
    """An operand, in parentheses unless it binds at least so tightly; widened to 64 bits if asked."""
    text, level = _print(expr)
    if wide:
        if isinstance(expr, Int):
            return text.replace(str(expr.value), f"{expr.value}LL", 1)
        return f"(s64){_operand(expr, _UNARY)}"
    return text if level >= least else f"({text})"


def _print(expr: Expr) -> tuple[str, int]:
    """The text and how tightly it binds."""
    match expr:
        case Int():
            comment = f" /* {expr.name} */" if expr.name else ""
            return integer(expr.value) + comment, _UNARY if expr.value < 0 else _PRIMARY
        case Bool():
            return ("true" if expr.value else "false"), _PRIMARY
        case Absent():
            return NOTHING[expr.type.kind], _PRIMARY
        case Local():
            return c_name(expr.name), _PRIMARY
        case Binary():
            return _binary(expr)
        case Unary():
            text = _operand(expr.value, _PRIMARY)
            return (f"!{text}", _COMPARE) if expr.op == "not" else (f"{expr.op}{text}", _UNARY)
        case Compare():
            return _compare(expr)
        case Logic():
            operator, level = (" && ", _AND) if expr.op == "and" else (" || ", _OR)
            return operator.join(_operand(value, _COMPARE) for value in expr.values), level
        case Choose():
            parts = [_operand(part, _OR) for part in (expr.test, expr.then, expr.otherwise)]
            return "{} ? {} : {}".format(*parts), _CHOICE
        case Extreme():
            *most, text = (_print(value)[0] for value in expr.values)
            for other in reversed(most):
                text = f"{expr.op}_t(s64, {other}, {text})"
            return text, _PRIMARY
        case Truth():
            if expr.value.type.kind in PRESENT:
                return f"{PRESENT[expr.value.type.kind]}({expression(expr.value)})", _PRIMARY
            return f"{_operand(expr.value, _SUM)} != 0", _COMPARE
        case AsInt():
            # Not a cast: gcc would look through it and warn of `~(s64)flag`.
            return f"{_operand(expr.value, _OR)} ? 1LL : 0", _CHOICE
        case SegmentLength():
            return f"blkmq_segment_len(call, &{c_name(expr.segment)})", _PRIMARY
    raise TypeError(f"no C for {expr!r}")


def _binary(expr: Binary) -> tuple[str, int]:
    if expr.op in ("//", "%"):
        verb = "blkmq_div" if expr.op == "//" else "blkmq_mod"
        return f"{verb}({expression(expr.left)}, {expression(expr.right)})", _PRIMARY
    narrow = _is_int(expr.left) and (expr.op in _SHIFTS or _is_int(expr.right))
    if expr.op == "*":
        level, left, right = _PRODUCT, _PRODUCT, _UNARY
    elif expr.op in _ADDITIVE:
        level, left, right = _SUM, _SUM, _PRODUCT
    else:
        level, left, right = _BITS, _UNARY, _UNARY
        if isinstance(expr.left, Binary) and expr.left.op == expr.op and expr.op not in _SHIFTS:
            left = _BITS  # a | b | c
    return f"{_operand(expr.left, left, wide=narrow)} {expr.op} {_operand(expr.right, right)}", level


def _compare(expr: Compare) -> tuple[str, int]:
    if expr.op in ("is", "is not", "==", "!=") and isinstance(expr.right, Absent):
        negated = "!" if expr.op in ("is", "==") else ""
        return f"{negated}{PRESENT[expr.left.type.kind]}({expression(expr.left)})", _COMPARE
    return f"{_operand(expr.left, _SUM)} {expr.op} {_operand(expr.right, _SUM)}", _COMPARE


def assignment(s: Assign) -> str:
    """``position += step``."""
    target, value = c_name(s.target), s.value
    if isinstance(value, Binary) and value.op in "+-*&|^" and value.left == Local(value.left.type, s.target):
        if value.op == "+" and value.right == Int(value.right.type, 1):
            return f"{target}++"
        return f"{target} {value.op}= {expression(value.right)}"
    return f"{target} = {expression(value)}"


_INVERSE = {
    "==": "!=",
    "!=": "==",
    "<": ">=",
    "<=": ">",
    ">": "<=",
    ">=": "<",
    "is": "is not",
    "is not": "is",
}


def negated(expr: Expr) -> Expr:
    """The opposite of a bool."""
    if isinstance(expr, Compare):
        return Compare(expr.type, _INVERSE[expr.op], expr.left, expr.right)
    if isinstance(expr, Unary) and expr.op == "not":
        return expr.value
    return Unary(expr.type, "not", expr)
