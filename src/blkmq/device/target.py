# SPDX-License-Identifier: MIT
"""A driver on a target: interpreted, compiled by Numba, or as C."""

from __future__ import annotations

import difflib
import importlib.util
import sys
from collections.abc import Sequence

from blkmq.dispatch.executable import Executable
from blkmq.mq.errors import BlkmqError
from blkmq.mq.operations import Operations

TARGETS = ("interpreted", "host", "c")


def executable_for(drivers: Sequence[Operations], target: str) -> Executable:
    """What dispatch calls; a driver that the target cannot take is refused with file, line, rule and hint."""
    cls = type(drivers[0])
    if not all(hasattr(driver, "config") for driver in drivers):
        raise BlkmqError(f"{cls.__name__} has no config", hint="its __init__ must call super().__init__(**attributes)")
    if target == "interpreted":
        if not callable(getattr(cls, "queue_rq", None)):
            raise BlkmqError(f"{cls.__module__}.{cls.__name__} has no queue_rq", hint=queue_rq_hint(cls))
        from blkmq.dispatch.interpreted import InterpretedDriver

        return InterpretedDriver(type(drivers[0]))
    if target not in TARGETS:
        raise BlkmqError(f"target = {target!r}: no such target", hint=f"targets: {', '.join(TARGETS)}")
    _need_numba(target)
    from blkmq.compiler.frontend.translate import translate
    from blkmq.dispatch.engine import begin_build, begin_driver, load_called
    from blkmq.dispatch.executable import CompiledDriver, slots_of

    begin_build()
    configs = [driver.config for driver in drivers]
    same = all(config == configs[0] for config in configs)
    program = translate(type(drivers[0]), configs[0] if same else None, fold=same)
    if target == "host":
        from blkmq.compiler.numba.build import begin_code, is_compiled, load_code
        from blkmq.compiler.numba.printer import print_numba, verbs_of

        text = print_numba(program)
        if not is_compiled(text):
            begin_code(program.snake_name, text)
            begin_driver(slots_of(program), verbs_of(text))
        code = load_code(program.snake_name, text)
        load_called(code)
        return CompiledDriver(program, code.addresses["entry"], code)
    from blkmq.compiler.c.build import build_c, load_c
    from blkmq.dispatch.c_layout import c_layout

    return CompiledDriver(program, load_c(build_c(program, c_layout())))


def _need_numba(target: str) -> None:
    """Dispatch is compiled by Numba for every target but the interpreted one."""
    for name in ("numba", "llvmlite"):
        try:
            found = importlib.util.find_spec(name) is not None
        except ValueError:  # somebody took it out of sys.modules
            found = False
        if not found:
            hint = f'{sys.executable} -m pip install {name}; or target="interpreted", which needs none'
            raise BlkmqError(f"target {target} needs {name}, which is not installed", hint=hint)


def queue_rq_hint(cls: type[Operations]) -> str:
    """What to do about a driver without ``queue_rq``."""
    near = difflib.get_close_matches("queue_rq", vars(cls), 1)
    spelled = f"is {near[0]} meant to be it? " if near else ""
    return spelled + "def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus"
