# SPDX-License-Identifier: MIT
"""The loops of dispatch as callables by address: interpreted, or compiled once and kept in the disk cache."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

from blkmq.compiler.numba.build import apart_text, begin_code, is_being_compiled, is_compiled, load_apart, load_code
from blkmq.compiler.numba.builder import BUILDER
from blkmq.dispatch.file_worker import serve_files
from blkmq.dispatch.hctx import serve
from blkmq.dispatch.timeout import expire_requests
from blkmq.dispatch.worker import serve_works
from blkmq.native.hot import is_apart

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
APART = tuple(f"{__package__}.{name}" for name in ("callback", "hctx", "ownership", "request_verbs"))
APART_FOR_SLOT = {
    "get_budget": f"{__package__}.budget",
    "put_budget": f"{__package__}.budget",
    "queue_rqs": f"{__package__}.request_batch",
    "commit_rqs": f"{__package__}.hctx",
    "complete": f"{__package__}.hctx",
}


def loop_text(loop: Loop) -> str:
    """The module that compiles a loop."""
    return LOOP_TEXT.format(module=loop.__module__, name=loop.__name__)


@cache
def compiled_loop(loop: Loop) -> Loop:
    """A loop's function, compiled by Numba; from the disk cache after the first time on a machine."""
    return LOOP_TYPE(load_code(loop.__name__, loop_text(loop)).addresses["entry"])


@dataclass(frozen=True)
class Engine:
    """What runs queues, works and file I/O, ``(address, until_nsec)``, and timeouts, ``(call_address, now_nsec)``."""

    ready: Callable[[Loop], Loop]  #: makes a loop's function callable

    @cached_property
    def serve(self) -> Loop:
        return self.ready(serve)

    @cached_property
    def serve_works(self) -> Loop:
        return self.ready(serve_works)

    @cached_property
    def serve_files(self) -> Loop:
        return self.ready(serve_files)

    @cached_property
    def expire_requests(self) -> Loop:
        return self.ready(expire_requests)

    def can_expire_requests(self) -> bool:
        """Whether ``expire_requests`` is ready to be loaded; if not, another process is at it."""
        return self is INTERPRETED or not is_being_compiled(expire_requests.__name__, loop_text(expire_requests))

    def begin_serve_files(self) -> None:
        """Has another process compile ``serve_files``, which nobody waits for yet."""
        if self is not INTERPRETED:
            begin_code(serve_files.__name__, loop_text(serve_files), nice=True)


BUILDER.preload |= {__name__, f"{__package__}.verbs"}

INTERPRETED = Engine(lambda loop: loop)
COMPILED = Engine(compiled_loop)


def begin_build() -> None:
    """Has another process compile what any queue runs on."""
    begin_code(serve.__name__, loop_text(serve))


def begin_driver(slots: Iterable[str], verb_names: Iterable[str]) -> None:
    """Has another process compile what is called apart for a driver that fills these slots and uses these verbs."""
    from blkmq.dispatch import verbs

    used = [getattr(verbs, name) for name in verb_names]
    files = {verb.__module__ for verb in used if is_apart(verb)}
    for file in sorted(files.union(files_for(slots))):
        begin_code(*apart_text(file))


def files_for(slots: Iterable[str]) -> list[str]:
    """The files with what is compiled apart and runs for each request of a driver that fills these slots."""
    return sorted({APART_FOR_SLOT[slot] for slot in slots if slot in APART_FOR_SLOT})


def begin_late_build() -> None:
    """Has another process compile what a disk can begin without: timeouts, and what only errors and requeues call."""
    begin_code(expire_requests.__name__, loop_text(expire_requests), nice=True)
    for file in APART:
        begin_code(*apart_text(file), nice=True)


def load_called(code: Code) -> None:
    """Loads what a printed driver calls apart, besides what any queue needs."""
    known = set(APART)
    waiting = list(code.calls)
    while waiting:
        file = waiting.pop()
        if file not in known:
            known.add(file)
            waiting += load_apart(file).calls


def compiled_engine(slots: Iterable[str]) -> Engine:
    """The compiled loops, ready to run queues of a driver that fills these slots."""
    compiled_loop(serve)
    for file in files_for(slots):
        load_apart(file)
    begin_late_build()
    for file in APART:  # the others are loaded when they are called
        if is_compiled(apart_text(file)[1]):
            load_apart(file)
    return COMPILED
