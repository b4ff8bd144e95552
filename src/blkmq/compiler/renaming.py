# SPDX-License-Identifier: MIT
"""Renames locals whose names a printed text needs for something else."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from typing import Any

from blkmq.compiler.program import Expr, Function, Local, Place, Program, SegmentLength, Stmt


def locals_of(function: Function) -> set[str]:
    """Names of a function's parameters and locals."""
    return {*function.locals, *(parameter.name for parameter in function.parameters)}


def without_locals_named(program: Program, taken: Collection[str]) -> Program:
    """The program, with other names for those of its locals."""
    functions = [_without(function, taken) for function in program.functions]
    return replace(program, functions=tuple(functions))


def _without(function: Function, taken: Collection[str]) -> Function:
    used = locals_of(function)
    names: dict[str, str] = {}
    for name in sorted(used.intersection(taken)):
        other = f"{name}_local"
        while other in used or other in taken:
            other += "_"
        names[name] = other
        used.add(other)
    if not names:
        return function
    return replace(
        function,
        parameters=tuple(replace(p, name=names.get(p.name, p.name)) for p in function.parameters),
        locals={names.get(name, name): kind for name, kind in function.locals.items()},
        body=_renamed(function.body, names),
    )


def _renamed(thing: Any, names: Mapping[str, str]) -> Any:
    """An expression, place, statement or a sequence of these with other names for locals."""
    if isinstance(thing, list | tuple):
        return type(thing)(_renamed(part, names) for part in thing)
    if isinstance(thing, Local):
        return replace(thing, name=names.get(thing.name, thing.name))
    if not isinstance(thing, Expr | Place | Stmt):
        return thing
    changes = {each.name: _renamed(getattr(thing, each.name), names) for each in fields(thing)}
    if isinstance(thing, Stmt | SegmentLength):
        for role in ("target", "segment"):
            if role in changes:
                changes[role] = names.get(changes[role], changes[role])
    return replace(thing, **changes)
