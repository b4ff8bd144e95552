# SPDX-License-Identifier: MIT
"""Whether a target can take a driver, found out without compiling or running anything."""

from __future__ import annotations

import copy
import inspect
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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


def program_of(cls: type[Operations], driver: Operations | None, *, fold: bool) -> Program:
    """The typed program, with ``fold`` for the driver's modes only; a Refused if there is none."""
    from blkmq.compiler.frontend.translate import translate

    return translate(cls, driver.config if driver else None, fold)


def printed(program: Program, language: str) -> str:
    """The program's text, ``numba`` or ``c``."""
    if language == "numba":
        from blkmq.compiler.numba.printer import print_numba

        return print_numba(program)
    from blkmq.compiler.c.printer import print_c

    return print_c(program)
