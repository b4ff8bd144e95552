# SPDX-License-Identifier: MIT
"""A process that has Numba, so that this one need not: it forks a child for each text that is to be compiled.

Numba's import and first use are paid for once, several texts are compiled at the same time, and what serves a disk
keeps none of the compiler's memory.  It goes with the process that started it, or when it has had no work for a while.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from blkmq.native.cache import cache_directory

NICE = 10  #: of a child that nobody waits for
IDLE_SEC = 10
STDIN, STDOUT = 0, 1


class Builder:
    """The process, as the one that needs it sees it; it is started when there is work.  Any thread."""

    def __init__(self) -> None:
        self.preload: set[str] = set()  #: modules that texts import
        self.is_off = False  #: all is compiled where it is needed: better for who compiles one driver after the other
        self._process: subprocess.Popen[bytes] | None = None
        self._done: set[str] = set()
        self._begun: set[str] = set()
        self._lock = threading.Lock()  #: of the three above
        self._reading = threading.Lock()
        atexit.register(self.stop)

    def begin(self, text: Path, nice: bool = False) -> None:
        """Has a text compiled, unless that is under way."""
        if self.is_off:
            return
        with self._lock, suppress(OSError):  # without the process, who waits does the work
            if self._process is None or self._process.poll() is not None:
                self._end()
                self._process = _start(sorted(self.preload))
            if str(text) not in self._begun:
                self._begun.add(str(text))
                self._done.discard(str(text))
                assert self._process.stdin is not None
                job = {"text": str(text), "nice": nice, "cache": str(cache_directory())}
                self._process.stdin.write(json.dumps(job).encode() + b"\n")

    def is_at(self, text: Path) -> bool:
        """Whether a text is being compiled."""
        self._read(0)
        with self._lock:
            return self._process is not None and str(text) in self._begun and str(text) not in self._done

    def wait(self, text: Path) -> None:
        """Until a text is no longer being compiled: it has been, or could not be."""
        while self.is_at(text):
            self._read(None)

    def stop(self) -> None:
        """Ends it, whatever it is at."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        self._begun.clear()
        if process is None:
            return
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        with self._reading:  # who reads has just seen the end
            for stream in (process.stdin, process.stdout):
                assert stream is not None
                stream.close()

    def _read(self, timeout_sec: float | None) -> None:
        """Notes what has been done, if need be after the next piece."""
        process = self._process
        if process is None or not self._reading.acquire(blocking=timeout_sec is None):
            return  # somebody else reads
        try:
            assert process.stdout is not None
            if process.stdout.closed or not select.select([process.stdout], [], [], timeout_sec)[0]:
                return
            line = process.stdout.readline()
        finally:
            self._reading.release()
        with self._lock:
            if line:
                self._done.add(json.loads(line))
            elif process is self._process:
                self._end()


def _start(preload: list[str]) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(filter(None, sys.path))
    return subprocess.Popen(
        [sys.executable, "-c", f"from {__name__} import main; main()", *preload],
        env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},  # NumPy's threads would only spin
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        start_new_session=True,
    )


def main() -> None:
    """The process: a line of JSON for each text on its input, and one with its path on its output when that is done."""
    from blkmq.compiler.numba.printed import warm_up

    for module in sys.argv[1:]:
        import_module(module)
    warm_up()
    data = b""
    nr_children = 0
    while True:
        ready, _, _ = select.select([STDIN], [], [], IDLE_SEC)
        with suppress(ChildProcessError):
            while nr_children and os.waitpid(-1, os.WNOHANG)[0]:
                nr_children -= 1
        if not ready and nr_children == 0:
            return
        if ready:
            piece = os.read(STDIN, 1 << 16)
            if not piece:
                os.killpg(0, signal.SIGKILL)  # who wanted it has ended
            *lines, data = (data + piece).split(b"\n")
            for line in lines:
                nr_children += 1
                if os.fork() == 0:
                    _child(**json.loads(line))


def _child(text: str, nice: bool, cache: str) -> None:
    from blkmq.compiler.numba.code import make_code

    try:
        os.environ["BLKMQ_CACHE_DIR"] = cache
        if nice:
            os.nice(NICE)
        make_code(Path(text))
    finally:
        os.write(STDOUT, json.dumps(text).encode() + b"\n")
        os._exit(0)


BUILDER = Builder()  #: this process's
