# SPDX-License-Identifier: MIT
"""Finds the source of a driver's functions and classes: the AST with the file's own line numbers."""

from __future__ import annotations

import ast
import inspect
import linecache
import os
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import FunctionType
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


_SYSTEM = ("<frozen ", *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")))


def is_helper(value: object, package: str) -> TypeGuard[FunctionType]:
    """Whether a value is a helper function of a driver from this top-level package.

    That is a plain function, neither blkmq's own nor an installed library's.
    """
    if not is_python_function(value) or hasattr(value, "__wrapped__"):
        return False
    if value.__qualname__ != value.__name__ and not value.__qualname__.endswith(f"<locals>.{value.__name__}"):
        return False  # a method
    top, _, rest = value.__module__.partition(".")
    if top == "blkmq" and not rest.startswith(("drivers", "faults", "testing")):
        return False
    return top in (package, "blkmq") or not value.__code__.co_filename.startswith(_SYSTEM)


def package_of(cls: type) -> str:
    """The top-level package that a class is from."""
    return cls.__module__.partition(".")[0]


def function_source(function: FunctionType) -> FunctionSource | None:
    """Where a function is written; None if its text cannot be found (made by exec, typed at a prompt)."""
    code = function.__code__
    text = _text(code.co_filename, function.__globals__)
    node = _functions(code.co_filename, text).get((code.co_name, code.co_firstlineno))
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
    node = _classes(file, _text(file, vars(module) if module else {})).get(cls.__qualname__)
    return (node, file) if node else None


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


@lru_cache(maxsize=64)
def _functions(file: str, text: str) -> dict[tuple[str, int], ast.FunctionDef]:
    """A file's functions by name and first line, decorators included."""
    tree = _tree(file, text)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)] if tree else []
    return {(f.name, min([f.lineno, *(d.lineno for d in f.decorator_list)])): f for f in functions}


@lru_cache(maxsize=64)
def _classes(file: str, text: str) -> dict[str, ast.ClassDef]:
    """A file's classes by qualified name; of several with one name the last."""
    tree = _tree(file, text)
    return dict(_classes_in(tree, "")) if tree else {}


def _classes_in(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.ClassDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield prefix + child.name, child
            yield from _classes_in(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _classes_in(child, f"{prefix}{child.name}.<locals>.")
        else:
            yield from _classes_in(child, prefix)
