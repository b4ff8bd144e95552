# SPDX-License-Identifier: MIT
"""Finds the source of a driver's functions and classes: the AST with the file's own line numbers."""

from __future__ import annotations

import ast
import inspect
import linecache
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any, TypeGuard


@dataclass(frozen=True)
class FunctionSource:
    """A Python function and where it is written."""

    function: Any  #: a FunctionType, which type checkers would take for a method here
    node: ast.FunctionDef
    file: str

    @property
    def name(self) -> str:
        return self.node.name


def shown(file: str) -> str:
    """A file's name for messages: relative where it lies below the working directory."""
    relative = os.path.relpath(file)
    return file if relative.startswith(os.pardir) else relative


def is_python_function(value: object) -> TypeGuard[FunctionType]:
    """Whether it is a plain function written in Python."""
    return isinstance(value, FunctionType)


def function_source(function: FunctionType) -> FunctionSource | None:
    """Where a function is written; None if its text cannot be found (made by exec, typed at a prompt)."""
    code = function.__code__
    tree = _tree(code.co_filename, _text(code.co_filename, function.__globals__))
    node = _definition(tree, code) if tree else None
    return FunctionSource(function, node, code.co_filename) if node else None


def class_node(cls: type) -> tuple[ast.ClassDef, str] | None:
    """A class's definition and its file; None if its text cannot be found."""
    try:
        file = inspect.getsourcefile(cls)
    except TypeError:
        return None
    if file is None:
        return None
    module = inspect.getmodule(cls)
    tree = _tree(file, _text(file, vars(module) if module else {}))
    if tree is None:
        return None
    found = [node for name, node in _classes(tree, "") if name == cls.__qualname__]
    return (found[-1], file) if found else None


def field_sources(cls: type) -> dict[str, tuple[str, int, str]]:
    """File, line and text of each annotated field of a class and its bases."""
    lines: dict[str, tuple[str, int, str]] = {}
    for base in reversed(cls.__mro__):
        found = class_node(base) if base.__module__ != "builtins" else None
        for statement in found[0].body if found else ():
            if found and isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                text = f"{statement.target.id}: {ast.unparse(statement.annotation)}"
                lines[statement.target.id] = (found[1], statement.lineno, text)
    return lines


def names_seen_by(function: FunctionType) -> dict[str, Any]:
    """The names of enclosing functions that a function uses, with their values."""
    cells = function.__closure__ or ()
    values = {}
    for name, cell in zip(function.__code__.co_freevars, cells, strict=True):
        try:
            values[name] = cell.cell_contents
        except ValueError:  # not bound yet
            continue
    return values


def _text(file: str, module_globals: dict[str, Any]) -> str:
    linecache.checkcache(file)
    return "".join(linecache.getlines(file, module_globals))


@lru_cache(maxsize=64)
def _tree(file: str, text: str) -> ast.Module | None:
    try:
        return ast.parse(text, file) if text else None
    except SyntaxError:
        return None


def _definition(tree: ast.Module, code: CodeType) -> ast.FunctionDef | None:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            if first == code.co_firstlineno:
                return node
    return None


def _classes(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.ClassDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield prefix + child.name, child
            yield from _classes(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _classes(child, f"{prefix}{child.name}.<locals>.")
        else:
            yield from _classes(child, prefix)
