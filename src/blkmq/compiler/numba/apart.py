# SPDX-License-Identifier: MIT
"""The functions of a file that are compiled apart, as one module behind one entry point."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_type_hints

from blkmq.native.hot import APART_ARGUMENTS, Apart

WORDS = "abcdefgh"[:APART_ARGUMENTS]

HEAD = '''\
"""{module}: what is compiled apart."""
from {module} import {names}
from blkmq.compiler.numba.printed import apart_entry, inlined
from blkmq.native.record import accessor
'''


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
