# SPDX-License-Identifier: MIT
"""Makes a program that differs short: drops statements and parts of expressions as long as it still differs."""

from __future__ import annotations

import ast
import copy
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

from blkmq.testing.random_programs.comparing import Difference, differs
from blkmq.testing.random_programs.loading import Module

MAX_ATTEMPTS = 500
Change = Callable[[ast.Module], bool]  #: changes a tree in place; whether it found what to change


def minimised(
    module: Module, difference: Difference, directory: Path, attempts: int = MAX_ATTEMPTS
) -> tuple[Module, Difference]:
    """The shortest text found in which the call still differs, and how."""
    best, found = module, difference

    def accept(candidate: Module) -> bool:
        nonlocal best, found
        again = differs(candidate, found, directory)
        if again is not None:
            best, found = candidate, again
        return again is not None

    accept(_only(module, difference.case.program))
    for part in ("driver", "aids") * 2:
        number = 0
        while attempts > 0:
            attempts -= 1
            changed = _changed(getattr(best, part), number)
            if changed is None:
                break
            if not accept(dataclasses.replace(best, **{part: changed})):  # type: ignore[arg-type]
                number += 1
    accept(_without_idle_fields(best))
    return best, found


def _without_idle_fields(module: Module) -> Module:
    """The module without fields that no function names."""
    tree = ast.parse(module.driver)
    named = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for cls in ast.walk(tree):
        if isinstance(cls, ast.ClassDef):
            kept = [n for n in cls.body if not isinstance(n, ast.AnnAssign) or n.target.id in named]  # type: ignore[union-attr]
            cls.body = kept or [ast.Pass()]
    return dataclasses.replace(module, driver=f"{ast.unparse(tree)}\n")


def _only(module: Module, program: int) -> Module:
    """The module without all other programs."""
    tree = ast.parse(module.driver)
    wanted = f"program_{program}"
    for cls in tree.body:
        if isinstance(cls, ast.ClassDef):
            cls.body = [n for n in cls.body if not _is_program(n) or getattr(n, "name", "") == wanted]
            for method in cls.body:
                if isinstance(method, ast.FunctionDef) and method.name == "queue_rq":
                    method.body = [
                        n for n in method.body if not isinstance(n, ast.If) or wanted + "(" in ast.unparse(n)
                    ]
    return dataclasses.replace(module, driver=f"{ast.unparse(tree)}\n")


def _is_program(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name.startswith("program_")


def _changed(text: str, number: int) -> str | None:
    """The text after the ``number``-th possible change; None if there are not so many."""
    tree = ast.parse(text)
    for at, change in enumerate(_changes(tree)):
        if at == number:
            change()
            return f"{ast.unparse(ast.fix_missing_locations(tree))}\n"
    return None


def _changes(tree: ast.Module) -> Iterator[Callable[[], None]]:
    """Everything that could be made shorter, the largest first."""
    functions = [
        n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name not in ("configure", "queue_rq")
    ]
    for holder in (n for n in ast.walk(tree) if isinstance(n, ast.Module | ast.ClassDef)):
        yield from (_dropping(holder.body, n) for n in holder.body if n in functions and not _is_program(n))
    for function in functions:
        yield from _in_block(function.body)
    for function in functions:
        for node in ast.walk(function):
            yield from _in_expressions(node)


def _in_block(body: list[ast.stmt]) -> Iterator[Callable[[], None]]:
    for node in body:
        yield _dropping(body, node)
    for node in body:
        inner = [part for name in ("body", "orelse") if (part := getattr(node, name, None))]
        for part in inner:
            yield _replacing(body, node, part)
            yield from _in_block(part)


def _dropping(body: list[ast.stmt], node: ast.stmt) -> Callable[[], None]:
    return _replacing(body, node, [] if len(body) > 1 else [ast.Pass()])


def _replacing(body: list[ast.stmt], node: ast.stmt, by: list[ast.stmt]) -> Callable[[], None]:
    def change() -> None:
        at = next(i for i, each in enumerate(body) if each is node)
        body[at : at + 1] = by

    return change


def _in_expressions(node: ast.AST) -> Iterator[Callable[[], None]]:
    for name, value in ast.iter_fields(node):
        values = value if isinstance(value, list) else [value]
        for at, expression in enumerate(values):
            if not isinstance(expression, ast.expr) or isinstance(node, ast.FunctionDef | ast.arguments | ast.arg):
                continue
            parts = [part for part in ast.iter_child_nodes(expression) if isinstance(part, ast.expr)]
            for part in [*parts, ast.Constant(0), ast.Constant(False)]:
                if not isinstance(expression, ast.Constant | ast.Name | ast.Attribute) or part in parts:
                    yield _setting(node, name, at if isinstance(value, list) else None, part)


def _setting(node: ast.AST, name: str, at: int | None, part: ast.expr) -> Callable[[], None]:
    def change() -> None:
        if at is None:
            setattr(node, name, copy.deepcopy(part))
        else:
            getattr(node, name)[at] = copy.deepcopy(part)

    return change
