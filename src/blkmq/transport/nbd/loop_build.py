# SPDX-License-Identifier: MIT
"""The port's loop in machine code: from the disk cache, or made in the background while Python runs the same text.

All that a loop knows lies in records, so that a port can change from one to the other between two batches.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from blkmq.compiler.numba.build import begin_code, is_compiled, load_code, wait_for_code
from blkmq.compiler.numba.builder import BUILDER
from blkmq.dispatch.engine import LOOP_TYPE
from blkmq.transport.nbd.loop import answer, collect

PORT_NAME = "nbd_port"
PORT_TEXT = '''"""The loop of an NBD port, compiled."""
from numba import cfunc, int64
from blkmq.transport.nbd import loop
from blkmq.native.hot import JIT_OPTIONS, enable

enable()
collect_hot, answer_hot, serve_hot = loop.collect, loop.answer, loop.serve_port


@cfunc(int64(int64, int64), **JIT_OPTIONS)
def collect(address, until_nsec):
    return collect_hot(address, until_nsec)


@cfunc(int64(int64, int64), **JIT_OPTIONS)
def answer(address, link):
    return answer_hot(address, link)


@cfunc(int64(int64, int64), **JIT_OPTIONS)
def serve_port(address, until_nsec):
    return serve_hot(address, until_nsec)
'''


@dataclass(frozen=True)
class Loop:
    """The halves of a port's loop, and the whole of it where it is compiled."""

    collect: Callable[[int, int], int]
    answer: Callable[[int, int], int]
    serve_port: Callable[[int, int], int] | None = None
    addresses: tuple[int, int] = (0, 0)  #: of the halves


IN_PYTHON = Loop(collect, answer)


def compiled_loop() -> Loop:
    """The loop in machine code, compiled now unless the disk cache has it."""
    addresses = load_code(PORT_NAME, PORT_TEXT).addresses
    collect, answer = addresses["collect"], addresses["answer"]
    return Loop(LOOP_TYPE(collect), LOOP_TYPE(answer), LOOP_TYPE(addresses["serve_port"]), (collect, answer))


class LoopBuild:
    """Where a port takes its loop from: ``loop`` is the best there is at the moment."""

    def __init__(self, loop: Loop = IN_PYTHON) -> None:
        self.loop = loop
        self._gate = threading.Lock()
        self._stopped = False
        self.ready = threading.Event()  #: set when ``loop`` will not get better

    @staticmethod
    @cache
    def shared() -> LoopBuild:
        """This process's build: compiled by now, or in the background."""
        build = LoopBuild()
        if is_compiled(PORT_TEXT):
            build._load()
        else:
            threading.Thread(target=build._make, name="nbd-loop-build", daemon=True).start()
        return build

    def _load(self) -> None:
        try:
            self.loop = compiled_loop()
        finally:
            self.ready.set()

    def _make(self) -> None:
        """Has another process compile it, so that this one keeps serving, and loads what came of it."""
        with self._gate:
            if self._stopped:
                return
            begin_code(PORT_NAME, PORT_TEXT, nice=True)
        wait_for_code(PORT_NAME, PORT_TEXT)
        if not self._stopped:
            self._load()

    def stop(self) -> None:
        """Nothing more is compiled: whoever serves is ending, and may want the disk cache gone."""
        with self._gate:
            self._stopped = True
        BUILDER.stop()
