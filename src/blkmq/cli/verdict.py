# SPDX-License-Identifier: MIT
"""Whether a target can take a driver, found out without compiling or running anything."""

from __future__ import annotations

import ast
import copy
import inspect
from typing import TYPE_CHECKING

from blkmq.cli.driver_argument import users_output

if TYPE_CHECKING:
    from blkmq.compiler.frontend.refused import Refusal
    from blkmq.compiler.program import Program
    from blkmq.mq.operations import Operations

TARGETS = ("interpreted", "host", "c")  #: ``device.target.TARGETS``, here too so that --help need not import it
PRINTERS = {"host": "numba", "c": "c"}


def ask(driver: Operations, target: str, *, fold: bool = True) -> None:
    """Raises what keeps the target from taking the driver; a Refused has every place."""
    if target == "interpreted":
        ask_interpreter(driver)
    else:
        printed(program_of(type(driver), driver, fold=fold), PRINTERS[target])


def ask_interpreter(driver: Operations) -> None:
    """The interpreted target takes any Python, as long as there is a queue_rq."""
    from blkmq.compiler.frontend.refused import Refusal, Refused
    from blkmq.compiler.frontend.rules import RULES
    from blkmq.compiler.frontend.source import class_node
    from blkmq.compiler.interpreted.target import interpret

    cls = type(driver)
    if inspect.getattr_static(cls, "queue_rq", None) is None:
        rule, found = RULES["queue-rq"], class_node(cls)
        file, line = (found[1], found[0].lineno) if found else (cls.__module__, 0)
        raise Refused([Refusal(file, line, rule.name, rule.text, f"class {cls.__name__}", rule.hint)])
    interpret(copy.copy(driver))


def disk_refusals(driver: Operations) -> list[Refusal]:
    """What keeps the disk from being made: makes it once, interpreted, and removes it again."""
    from blkmq.compiler.frontend.refused import Refusal
    from blkmq.device.target import executable_for
    from blkmq.dispatch.running_set import RunningSet
    from blkmq.mq.errors import BlkmqError, ConfigError

    try:
        with users_output():
            RunningSet([driver], executable_for([driver], "interpreted")).close()
    except ConfigError as error:
        file, line, source = _place_of(type(driver), error.field)
        return [Refusal(file, line, "limits", error.text, source, error.hint)]
    except BlkmqError as error:
        return [Refusal("", 0, "", error.text, hint=error.hint)]
    return []


def _place_of(cls: type[Operations], field: str) -> tuple[str, int, str]:
    """File, line and text of where a driver last sets a field of its limits or tag set, or defines a callback."""
    from blkmq.compiler.frontend.source import function_source, is_python_function

    for owner in cls.__mro__:
        functions = [value for value in vars(owner).values() if is_python_function(value)]
        for source in reversed([found for found in map(function_source, functions) if found]):
            if source.name == field:
                return source.file, source.node.lineno, f"def {field}"
            for node in reversed(list(ast.walk(source.node))):
                targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
                if any(isinstance(target, ast.Attribute) and target.attr == field for target in targets):
                    return source.file, getattr(node, "lineno", 0), ast.unparse(node)
    return "", 0, ""


def program_of(cls: type[Operations], driver: Operations | None, *, fold: bool) -> Program:
    """The typed program, with ``fold`` for the driver's modes only; a Refused if there is none."""
    from blkmq.compiler.frontend.translate import translate

    return translate(cls, driver.config if driver else None, fold)


def printed(program: Program, language: str, *, lines: bool = True) -> str:
    """The program's text, ``numba`` or ``c``."""
    if language == "numba":
        from blkmq.compiler.numba.printer import print_numba

        return print_numba(program, lines=lines)
    from blkmq.compiler.c.printer import print_c

    return print_c(program, lines=lines)
