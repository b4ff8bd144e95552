# SPDX-License-Identifier: MIT
"""Walking over the typed program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields

from blkmq.compiler.program import Expr, Local, Place, Stmt


def expressions_in(thing: object) -> Iterator[Expr]:
    """All expressions in an expression, a place or a statement (nested statements left out), itself first."""
    if isinstance(thing, Expr):
        yield thing
    if isinstance(thing, tuple):
        for part in thing:
            yield from expressions_in(part)
    elif isinstance(thing, Expr | Place | Stmt):
        for each in fields(thing):
            part = getattr(thing, each.name)
            if isinstance(part, Expr | Place | tuple):
                yield from expressions_in(part)


def locals_in(expr: Expr) -> set[str]:
    """Names of the locals that an expression reads."""
    return {part.name for part in expressions_in(expr) if isinstance(part, Local)}


def blocks_of(statement: Stmt) -> list[Sequence[Stmt]]:
    """The blocks of statements that a statement holds."""
    return [part for each in fields(statement) if isinstance(part := getattr(statement, each.name), list)]


def statements_in(block: Iterable[Stmt]) -> Iterator[Stmt]:
    """All statements of a block, nested ones included, in the order of the text."""
    for statement in block:
        yield statement
        for inner in blocks_of(statement):
            yield from statements_in(inner)
