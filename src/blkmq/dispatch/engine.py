# SPDX-License-Identifier: MIT
"""The loops of dispatch as callables by address: interpreted, or compiled once and kept in the disk cache."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

from blkmq.compiler.numba.build import is_compiled, load_apart, load_code
from blkmq.dispatch.hctx import serve
from blkmq.dispatch.timeout import expire_requests
from blkmq.dispatch.worker import serve_works

if TYPE_CHECKING:
    from blkmq.compiler.numba.code import Code

Loop = Callable[[int, int], int]
LOOP_TYPE = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)  # releases the GIL while it runs
ENTRY_TYPE = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 5)

LOOP_TEXT = '''\
"""``{name}`` of {module}, compiled."""
from {module} import {name}
from blkmq.compiler.numba.printed import loop_entry

entry = loop_entry({name})
'''

#: Files of this folder with what the loops call apart, of any driver, and of drivers that fill a slot.  What belongs
#: to a noun is loaded with the verbs that a driver uses.
APART = ("callback", "hctx", "ownership", "request_verbs")
APART_FOR_SLOT = {"get_budget": "budget", "put_budget": "budget", "queue_rqs": "request_batch"}


def loop_text(loop: Loop) -> str:
    """The module that compiles a loop."""
    return LOOP_TEXT.format(module=loop.__module__, name=loop.__name__)


@cache
def compiled_loop(loop: Loop) -> Loop:
    """A loop's function, compiled by Numba; from the disk cache after the first time on a machine."""
    return LOOP_TYPE(load_code(loop.__name__, loop_text(loop)).addresses["entry"])


def load_files(names: Iterable[str]) -> None:
    """Loads what files of this folder have that is compiled apart."""
    for name in names:
        load_apart(f"{__package__}.{name}")


@dataclass(frozen=True)
class Engine:
    """What runs queues and works, ``(call_address, until_nsec)``, and timeouts, ``(call_address, now_nsec)``."""

    ready: Callable[[Loop], Loop]  #: makes a loop's function callable

    @cached_property
    def serve(self) -> Loop:
        return self.ready(serve)

    @cached_property
    def serve_works(self) -> Loop:
        return self.ready(serve_works)

    @cached_property
    def expire_requests(self) -> Loop:
        return self.ready(expire_requests)

    def begin_expire_requests(self) -> subprocess.Popen[bytes] | None:
        """Has another process compile ``expire_requests``, which nobody waits for; None if it is ready to be loaded."""
        if self is INTERPRETED or is_compiled(loop_text(expire_requests)):
            return None
        _late_builders[:] = [builder for builder in _late_builders if builder.poll() is None]
        _late_builders.append(_build("compiled_loop(engine.expire_requests)"))
        return _late_builders[-1]


INTERPRETED = Engine(lambda loop: loop)
COMPILED = Engine(compiled_loop)

_builders: list[subprocess.Popen[bytes]] = []
_late_builders: list[subprocess.Popen[bytes]] = []  #: of what a disk can begin without


def _build(part: str) -> subprocess.Popen[bytes]:
    """A process that compiles a part of this module into the disk cache."""
    path = os.pathsep.join(filter(None, sys.path))
    return subprocess.Popen(
        [sys.executable, "-c", f"from {__package__} import engine; engine.{part}"],
        env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},  # NumPy's threads would only spin
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def begin_build() -> None:
    """Has other processes compile what queues run on, unless it is compiled, while this one compiles a driver."""
    if is_compiled(loop_text(serve)) or _builders or (os.cpu_count() or 1) < 2:
        return
    _builders.append(_build("build()"))


def build() -> None:
    """Compiles what queues run on: first what both halves of it need, then each half in a process."""
    load_files(["ownership"])
    child = os.fork()
    if child == 0:
        try:
            compiled_loop(serve)
        finally:
            os._exit(0)
    load_files(APART)
    os.waitpid(child, 0)


def load_called(code: Code) -> None:
    """Loads what a printed driver calls apart, besides what any queue needs."""
    known = {f"{__package__}.{name}" for name in APART}
    waiting = list(code.calls)
    while waiting:
        file = waiting.pop()
        if file not in known:
            known.add(file)
            waiting += load_apart(file).calls


def compiled_engine(slots: Iterable[str]) -> Engine:
    """The compiled loops, ready to run queues of a driver that fills these slots."""
    load_files(APART_FOR_SLOT[slot] for slot in slots if slot in APART_FOR_SLOT)
    while _builders:
        _builders.pop().wait()  # whatever became of it: what it did not compile is compiled here
    load_files(APART)
    compiled_loop(serve)
    return COMPILED
