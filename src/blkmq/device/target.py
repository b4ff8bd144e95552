# SPDX-License-Identifier: MIT
"""A driver on a target: interpreted, compiled by Numba, or as C."""

from __future__ import annotations

from collections.abc import Sequence

from blkmq.dispatch.executable import Executable
from blkmq.mq.errors import BlkmqError
from blkmq.mq.operations import Operations

TARGETS = ("interpreted", "host", "c")


def executable_for(drivers: Sequence[Operations], target: str) -> Executable:
    """What dispatch calls; a driver that the target cannot take is refused with file, line, rule and hint."""
    if target == "interpreted":
        from blkmq.dispatch.interpreted import InterpretedDriver

        return InterpretedDriver(type(drivers[0]))
    if target not in TARGETS:
        raise BlkmqError(f"target = {target!r}: no such target", hint=f"targets: {', '.join(TARGETS)}")
    from blkmq.compiler.frontend import translate
    from blkmq.dispatch.engine import begin_build
    from blkmq.dispatch.executable import CompiledDriver

    begin_build()
    configs = [driver.config for driver in drivers]
    same = all(config == configs[0] for config in configs)
    program = translate(type(drivers[0]), configs[0] if same else None, fold=same)
    if target == "host":
        from blkmq.compiler.numba_build import build_numba

        module = build_numba(program)
        return CompiledDriver(program, module.entry.address, module)
    from blkmq.compiler.c_build import build_c, load_c
    from blkmq.dispatch.c_layout import c_layout

    return CompiledDriver(program, load_c(build_c(program, c_layout())))
