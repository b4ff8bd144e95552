# SPDX-License-Identifier: MIT
"""Expressions, names and types of the typed program, as Python text for Numba.

Every integer is an int64.  What Numba would compute with a promise not to overflow is spelled as a call
(``add``, ``sub``, ``mul``, ``shl``), which wraps; a handle is an int64 whose 0 is None.
"""

from __future__ import annotations

import re

from blkmq.compiler.program import (
    Absent,
    AsInt,
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
    Type,
    Unary,
)

#: Names of the printed text's own that a driver's local must not hide.
RESERVED = frozenset({
    "call", "self", "shared", "pdu", "hw", "i64", "add", "sub", "mul", "shl", "min", "max", "fail", "burn", "slot", "a",
    "b", "c", "entry", "bool", "True", "False", "",  # the last: "_" is for what is dropped
})  # fmt: skip
CALLS = {"+": "add", "-": "sub", "*": "mul", "<<": "shl"}


def py_name(name: str) -> str:
    """The printed name of a local: the source's, unless the text needs it itself."""
    return f"{name}_" if name.rstrip("_") in RESERVED else name


def snake(name: str) -> str:
    """``PageStore`` as ``page_store``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def constant_name(name: str) -> str:
    """``BlkStatus.OK`` as ``BlkStatus_OK``."""
    return name.replace(".", "_")


def nothing(kind: Type) -> str:
    """What a function of this type returns after an error."""
    return {Kind.BOOL: "False", Kind.SEGMENT: "(0, 0, 0)"}.get(kind.kind, "0")


class Expressions:
    """Prints expressions; collects the constants and verbs that they name."""

    def __init__(self) -> None:
        self.constants: dict[str, int] = {}
        self.verbs: set[str] = {"call_at"}

    def integer(self, expr: Int) -> str:
        name = constant_name(expr.name)
        if name.isidentifier() and self.constants.setdefault(name, expr.value) == expr.value:
            return name
        return str(expr.value)

    def bare(self, expr: Expr) -> str:
        """An expression that stands alone, without parentheses around it."""
        text = self.text(expr)
        return text[1:-1] if text.startswith("(") else text  # text() puts one around the whole, or none at the start

    def text(self, expr: Expr) -> str:
        match expr:
            case Int():
                return self.integer(expr)
            case Bool():
                return str(expr.value)
            case Absent():
                return "0"
            case Local():
                return py_name(expr.name)
            case Binary():
                left, right = self.text(expr.left), self.text(expr.right)
                if expr.op in CALLS:
                    return f"{CALLS[expr.op]}({left}, {right})"
                return f"({left} {expr.op} {right})"
            case Unary():
                value = self.text(expr.value)
                return {"-": f"sub(0, {value})", "~": f"(~{value})", "not": f"(not {value})"}[expr.op]
            case Compare():
                op = {"is": "==", "is not": "!="}.get(expr.op, expr.op)
                return f"({self.text(expr.left)} {op} {self.text(expr.right)})"
            case Logic():
                return "(" + f" {expr.op} ".join(self.text(value) for value in expr.values) + ")"
            case Choose():
                parts = (self.text(part) for part in (expr.then, expr.test, expr.otherwise))
                return "({} if {} else {})".format(*parts)
            case Extreme():
                return f"{expr.op}(" + ", ".join(self.text(value) for value in expr.values) + ")"
            case Truth():
                return f"({self.text(expr.value)} != 0)"
            case AsInt():
                return f"(1 if {self.text(expr.value)} else 0)"
            case SegmentLength():
                self.verbs.add("segment_len")
                return f"segment_len(call, {py_name(expr.segment)})"
        raise TypeError(f"no Numba text for {expr!r}")
