# SPDX-License-Identifier: MIT
"""The functions of a file that are compiled apart, as one module behind one entry point."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any, get_type_hints

from blkmq.compiler.numba.build import load_module
from blkmq.native.hot import APART, APART_ARGUMENTS, Apart, is_apart, is_hot

ENTRY_TYPE = ctypes.CFUNCTYPE(*[ctypes.c_int64] * (2 + APART_ARGUMENTS))  # the result, the number, the words
WORDS = "abcdefgh"[:APART_ARGUMENTS]

HEAD = '''\
"""{module}: what is compiled apart."""
from {module} import {names}
from blkmq.compiler.numba.printed import apart_entry, inlined
from blkmq.native.record import accessor
'''


_entries: dict[str, Callable[..., int]] = {}  #: of loaded files
_late: dict[str, Any] = {}  #: what the cells of the others hold


def bind() -> None:
    """Lets the cell of each file that is not loaded lead to where it is loaded: whatever calls it first."""
    for group in APART.values():
        if group.module not in _late:
            _late[group.module] = ENTRY_TYPE(lambda *words, file=group.module: load(file)(*words))
            group.cell.value = ctypes.cast(_late[group.module], ctypes.c_void_p).value or 0


def load(file: str) -> Callable[..., int]:
    """The entry point to what is compiled apart of a file, named as a module.  Any thread."""
    if file not in _entries:
        group = APART[file]
        address = load_module(file.rpartition(".")[2], group_text(group)).entry.address
        _entries[file] = ENTRY_TYPE(address)
        group.cell.value = address
    return _entries[file]


def files_called(functions: Iterable[Any]) -> set[str]:
    """The files of what compiled code calls that calls these functions, through other hot functions too."""
    files: set[str] = set()
    known: set[int] = set()
    waiting = list(functions)
    while waiting:
        function = waiting.pop()
        if isinstance(function, FunctionType) and id(function) not in known and is_hot(function):
            known.add(id(function))
            if is_apart(function):
                files.add(function.__module__)
            waiting += [function.__globals__.get(name) for name in function.__code__.co_names]
    return files


def group_text(group: Apart) -> str:
    """The text of a group's module."""
    names = [function.__name__ for function in group.functions]
    calls = [_call(function) for function in group.functions]
    records = {hint for function in group.functions for hint in get_type_hints(function).values() if _is_record(hint)}
    lines = [HEAD.format(module=group.module, names=", ".join(names))]
    for record in sorted(records, key=lambda record: str(record.__name__)):
        lines.append(f"from {record.__module__} import {record.__name__}")
        lines.append(f"{record.__name__}_at = accessor({record.__name__})")
    lines += [f"{name} = inlined({name})" for name in names]
    lines += ["", "", "@apart_entry", f"def entry(number, {', '.join(WORDS)}):"]
    for number, call in enumerate(calls):
        lines.append(f"    if number == {number}:")
        lines.append(f"        {call}")
    return "\n".join([*lines, "    return 0", ""])


def _is_record(hint: Any) -> bool:
    return hint not in (int, bool, type(None))


def _call(function: Callable[..., Any]) -> str:
    """A call with words for arguments."""
    hints = get_type_hints(function)
    returns = hints.pop("return")
    arguments = []
    for word, hint in zip(WORDS, hints.values(), strict=False):
        arguments.append({int: word, bool: f"{word} != 0"}.get(hint, f"{getattr(hint, '__name__', '')}_at({word}, 0)"))
    text = f"{function.__name__}({', '.join(arguments)})"
    return {bool: f"return 1 if {text} else 0", int: f"return {text}"}.get(returns, text)
