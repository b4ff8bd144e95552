# SPDX-License-Identifier: MIT
"""The loops of dispatch as callables by address: interpreted, or compiled once and kept in the disk cache."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from blkmq.compiler.numba.build import is_compiled, load_module
from blkmq.dispatch.hctx import serve
from blkmq.dispatch.timeout import expire_requests
from blkmq.dispatch.worker import serve_works

LOOP_TYPE = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)  # releases the GIL while it runs
ENTRY_TYPE = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 5)

LOOPS_TEXT = '''"""The loops of dispatch, compiled."""
from numba import cfunc, int64
from blkmq.dispatch.hctx import serve as serve_queue
from blkmq.dispatch.timeout import expire_requests as expire_late_requests
from blkmq.dispatch.worker import serve_works as serve_work_list
from blkmq.native.hot import JIT_OPTIONS, enable

enable()


@cfunc(int64(int64, int64), cache=True, **JIT_OPTIONS)
def serve(call_address, until_nsec):
    return serve_queue(call_address, until_nsec)


@cfunc(int64(int64, int64), cache=True, **JIT_OPTIONS)
def serve_works(call_address, until_nsec):
    return serve_work_list(call_address, until_nsec)


@cfunc(int64(int64, int64), cache=True, **JIT_OPTIONS)
def expire_requests(call_address, now_nsec):
    return expire_late_requests(call_address, now_nsec)
'''


@dataclass(frozen=True)
class Engine:
    """What runs queues and works, ``(call_address, until_nsec)``, and timeouts, ``(call_address, now_nsec)``."""

    serve: Callable[[int, int], int]
    serve_works: Callable[[int, int], int]
    expire_requests: Callable[[int, int], int]


INTERPRETED = Engine(serve, serve_works, expire_requests)


_builders: list[subprocess.Popen[bytes]] = []


def begin_build() -> None:
    """Has another process compile the loops, unless they are compiled, while this one compiles a driver."""
    if is_compiled(LOOPS_TEXT) or _builders or (os.cpu_count() or 1) < 2:
        return
    program = "from blkmq.dispatch.engine import compiled_engine; compiled_engine()"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    _builders.append(
        subprocess.Popen(
            [sys.executable, "-c", program],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    )


@cache
def compiled_engine() -> Engine:
    """The loops, compiled by Numba; from the disk cache after the first time on a machine."""
    while _builders:
        _builders.pop().wait()  # whatever became of it: what it did not compile is compiled here
    module = load_module("dispatch_loops", LOOPS_TEXT)
    return Engine(*(LOOP_TYPE(loop.address) for loop in (module.serve, module.serve_works, module.expire_requests)))
