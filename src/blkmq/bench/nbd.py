# SPDX-License-Identifier: MIT
"""The NBD door beside its C peers: nbdkit and QEMU, under fio and under a client that batches.

Peers are Debian's packages nbdkit, nbdkit-plugin-python, qemu-system-common and fio; what is not installed is said
and left out.
"""

from __future__ import annotations

import inspect
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import fields
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import blkmq
from blkmq.bench.c_program import built
from blkmq.bench.rounds import Contender
from blkmq.bench.sleeping_disk import WAIT_SEC, SleepingDisk
from blkmq.drivers.loop import Loop
from blkmq.drivers.null_blk import NullBlk
from blkmq.drivers.ramdisk import RamDisk
from blkmq.mq.operations import Operations
from blkmq.transport.nbd.loop_build import LoopBuild

SIZE_MIB = 256
MSEC = 300  #: of one measurement
PATIENCE_SEC = 30.0
POLL_USEC = 1000  #: longest busy look, where it is about polling

PYTHON_PLUGIN = f"""
disk = bytearray({SIZE_MIB} << 20)
def open(readonly): return 1
def get_size(h): return len(disk)
def pread(h, count, offset): return disk[offset:offset + count]
def pwrite(h, buf, offset): disk[offset:offset + len(buf)] = buf
API_VERSION = 1
"""


SLEEPING_PLUGIN = f"""
import nbdkit, time
API_VERSION = 2
def thread_model(): return nbdkit.THREAD_MODEL_PARALLEL
def open(readonly): return 1
def get_size(h): return {SIZE_MIB} << 20
def pread(h, buf, offset, flags): time.sleep({WAIT_SEC})
"""


def program(name: str) -> Path:
    """The client that batches, or the bare server."""
    return built(f"{name}.c", "-pthread")


def on_cpus() -> tuple[list[str], list[str]]:
    """What runs a server on this process's first CPU, and a client on its last."""
    cpus = sorted(os.sched_getaffinity(0))
    return ["taskset", "-c", str(cpus[0])], ["taskset", "-c", str(cpus[-1])]


def words_of(driver: Operations) -> list[str]:
    """A driver of an entry point, or the one of its file, as the command line takes it."""
    points = (point.name for point in entry_points(group="blkmq.drivers") if point.load() is type(driver))
    name = next(points, None) or inspect.getfile(type(driver))
    config = driver.config
    given = [(field.name, getattr(config, field.name), field.default) for field in (fields(config) if config else ())]
    return [name, *(f"{key}={int(value) if isinstance(value, bool) else value}" for key, value, default in given
                    if value != default)]  # fmt: skip


class NbdArena(AbstractContextManager["NbdArena"]):
    """Servers of one comparison, each with a socket of its own; closing it removes them.

    ``pinned``: servers, ours too, are processes that stay on one CPU, and their clients stay on another.
    """

    def __init__(self, *, pinned: bool = False) -> None:
        self._on_server, self._on_client = on_cpus() if pinned else ([], [])
        self._stack = ExitStack()
        self._directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="blkmq-bench-")))
        self.missing: set[str] = set()  #: peers that are not installed

    def __exit__(self, *error: Any) -> None:
        self._stack.close()

    # --- servers ------------------------------------------------------------------------------------------
    def driver(self, driver: Operations, target: str = "host", *, poll_usec: int = 0) -> Path:
        """A driver behind our door: its socket."""
        path = self._fresh()
        if self._on_server:
            LoopBuild.shared().ready.wait()
            words = ["--socket", path, "--target", target, "--poll-usec", poll_usec, "--foreground"]
            started = self._start(path, [sys.executable, "-m", "blkmq.cli", "add", *words_of(driver), *map(str, words)])
            assert started is not None
            return started
        disk = self._stack.enter_context(blkmq.serve(driver, target=target, socket=path, poll_usec=poll_usec))
        disk.wait_until_compiled()
        return path

    def nbdkit(self, *words: str) -> Path | None:
        """A plugin of nbdkit; None if it is not installed."""
        path = self._fresh()
        return self._start(path, ["nbdkit", "-f", "-U", str(path), *words])

    def nbdkit_python(self, text: str = PYTHON_PLUGIN) -> Path | None:
        """nbdkit's Python plugin, with a disk in a bytearray, or another."""
        script = self._directory / "plugin.py"
        script.write_text(text)
        return self.nbdkit("python", str(script))

    def qemu(self) -> Path | None:
        """QEMU's null device; with ``read-zeroes`` it would send holes, and no data."""
        return self._qemu(f"null-co,node-name=disk,size={SIZE_MIB << 20}")

    def qemu_file(self, file: Path) -> Path | None:
        """QEMU's disk on a file, through the page cache."""
        return self._qemu(f"file,node-name=disk,filename={file},cache.direct=off,discard=unmap")

    def _qemu(self, block: str) -> Path | None:
        path = self._fresh()
        return self._start(
            path,
            ["qemu-storage-daemon", "--blockdev", block, "--nbd-server", f"addr.type=unix,addr.path={path}",
             "--export", "type=nbd,id=disk,node-name=disk,name=,writable=on"],
        )  # fmt: skip

    def bare(self, *words: str) -> Path | None:
        """The least that can answer: a server in C that knows nothing; with "poll", it looks busily at its socket."""
        path = self._fresh()
        return self._start(path, [str(program("bare_server")), str(path), str(SIZE_MIB << 20), *words])

    def file(self) -> Path:
        """A file full of data that is on its disk, and in the page cache."""
        file = self._directory / "disk.img"
        with file.open("wb") as image:
            for number in range(SIZE_MIB):
                image.write(bytes([number % 255 + 1]) * (1 << 20))
            image.flush()
            os.fsync(image.fileno())
        return file

    def _fresh(self) -> Path:
        return self._directory / f"{len(list(self._directory.iterdir()))}.sock"

    def _start(self, path: Path, words: list[str]) -> Path | None:
        if shutil.which(words[0]) is None:
            self.missing.add(words[0])
            return None
        process = subprocess.Popen([*self._on_server, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._stack.callback(process.wait)
        self._stack.callback(process.terminate)
        until = time.monotonic() + PATIENCE_SEC
        while process.poll() is None and time.monotonic() < until:
            with socket.socket(socket.AF_UNIX) as probe:
                if probe.connect_ex(str(path)) == 0:
                    return path
            time.sleep(0.01)
        self.missing.add(" ".join(words[:1] + words[4:5]))
        return None

    # --- clients ------------------------------------------------------------------------------------------
    def verify(self, path: Path, size_mib: int) -> bool:
        """Has fio write and verify a disk; False if it is not installed, an error if the data is wrong."""
        if shutil.which("fio") is None:
            return False
        words = ["fio", "--name=verify", "--ioengine=nbd", f"--uri=nbd+unix:///?socket={path}", "--rw=randwrite",
                 "--bsrange=4k-128k", "--iodepth=16", f"--size={size_mib}M", "--verify=crc32c",
                 "--verify_state_save=0"]  # fmt: skip
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"fio found wrong data:\n{done.stdout}{done.stderr}")
        return True

    def batching(
        self, name: str, path: Path | None, rw: str, block: int, depth: int, connections: int, *, polls: bool = False
    ) -> list[Contender]:
        """Our client against a server; none if there is no such server."""
        if path is None:
            return []
        words = [*self._on_client, program("nbd_client"), path, "", rw, block, depth, connections, SIZE_MIB << 20, MSEC]
        words += ["poll"] if polls else []

        def measure() -> float:
            answer = subprocess.run(list(map(str, words)), check=True, capture_output=True, text=True)
            return 1e9 / float(answer.stdout)

        return [Contender(name, measure)]

    def fio(self, name: str, path: Path | None, rw: str, block: int, depth: int, jobs: int) -> list[Contender]:
        """fio's own NBD engine against a server; none if one of them is not installed."""
        if path is None or shutil.which("fio") is None:
            self.missing |= {"fio"} if shutil.which("fio") is None else set()
            return []
        words = [*self._on_client, "fio", "--name=bench", "--ioengine=nbd", f"--uri=nbd+unix:///?socket={path}",
                 f"--rw=rand{rw}", f"--bs={block}", f"--iodepth={depth}", f"--numjobs={jobs}", "--group_reporting",
                 "--time_based", f"--runtime={MSEC}ms", f"--size={SIZE_MIB}M", "--output-format=json"]  # fmt: skip

        def measure() -> float:
            answer = subprocess.run(words, check=True, capture_output=True, text=True)
            text = answer.stdout[answer.stdout.index("{") :]
            return 1e9 / float(json.loads(text)["jobs"][0][rw]["iops"])

        return [Contender(name, measure)]


def null_peers(arena: NbdArena) -> dict[str, Path | None]:
    """Others' servers with nothing behind the door."""
    return {
        "nbdkit -t 1 null": arena.nbdkit("-t", "1", "null", f"size={SIZE_MIB}M"),
        "nbdkit -t 16 null": arena.nbdkit("-t", "16", "null", f"size={SIZE_MIB}M"),
        "qemu-storage-daemon null-co": arena.qemu(),
    }


def null_servers(arena: NbdArena, poll_usec: int = 0) -> dict[str, Path | None]:
    """The same, and ours, which has one hardware queue, as C null_blk unless asked for more."""
    own = arena.driver(NullBlk(size=SIZE_MIB, irqmode=0), poll_usec=poll_usec)
    return {**null_peers(arena), "null_blk, host": own}


def null_batching(rw: str, connections: int) -> Callable[[NbdArena], list[Contender]]:
    """Nothing behind the door: 4 KiB, depth 32."""

    def contenders(arena: NbdArena) -> list[Contender]:
        """The peers first."""
        servers = null_servers(arena)
        return [one for name, path in servers.items() for one in arena.batching(name, path, rw, 4096, 32, connections)]

    return contenders


def null_polling(rw: str, *, client_polls: bool, bare: bool = False) -> Callable[[NbdArena], list[Contender]]:
    """Nothing behind the door: 4 KiB, depth 1; our door looks busily at its sockets, and the client may too.

    ``bare``: instead of ours, a server that does nothing else.
    """

    def contenders(arena: NbdArena) -> list[Contender]:
        """The peers first."""
        servers = {**null_peers(arena), "bare sockets": arena.bare("poll")} if bare else null_servers(arena, POLL_USEC)
        return [
            one
            for name, path in servers.items()
            for one in arena.batching(name, path, rw, 4096, 1, 1, polls=client_polls)
        ]

    return contenders


def null_fio(
    rw: str, block: int, depth: int, connections: int = 1, *, bare: bool = False
) -> Callable[[NbdArena], list[Contender]]:
    """Nothing behind the door, under fio's engine; ``bare``: instead of ours, a server that does nothing else."""

    def contenders(arena: NbdArena) -> list[Contender]:
        """The peers first."""
        servers = {**null_peers(arena), "bare sockets": arena.bare()} if bare else null_servers(arena)
        return [one for name, path in servers.items() for one in arena.fio(name, path, rw, block, depth, connections)]

    return contenders


def memory(rw: str, block: int, depth: int, connections: int = 1) -> Callable[[NbdArena], list[Contender]]:
    """A disk in memory, under the batching client."""

    def contenders(arena: NbdArena) -> list[Contender]:
        """The peers first."""
        servers = {
            "nbdkit memory": arena.nbdkit("memory", f"{SIZE_MIB}M"),
            "nbdkit python": arena.nbdkit_python(),
            "ramdisk, host": arena.driver(RamDisk(size=SIZE_MIB)),
            "ramdisk, interpreted": arena.driver(RamDisk(size=SIZE_MIB), "interpreted"),
        }
        return [
            one for name, path in servers.items() for one in arena.batching(name, path, rw, block, depth, connections)
        ]

    return contenders


def sleeping(arena: NbdArena) -> list[Contender]:
    """A Python library that waits 1 ms for each request, reads of 4 KiB, depth 32, under the batching client."""
    servers = {
        "nbdkit python, parallel": arena.nbdkit_python(SLEEPING_PLUGIN),
        "interpreted": arena.driver(SleepingDisk(), "interpreted"),
    }
    return [one for name, path in servers.items() for one in arena.batching(name, path, "read", 4096, 32, 1)]


def file(rw: str, block: int, depth: int) -> Callable[[NbdArena], list[Contender]]:
    """A disk on a file, the same one for all, through the page cache, under the batching client."""

    def contenders(arena: NbdArena) -> list[Contender]:
        """The peers first."""
        image = arena.file()
        servers = {
            "nbdkit -t 1 file": arena.nbdkit("-t", "1", "file", str(image)),
            "nbdkit -t 16 file": arena.nbdkit("-t", "16", "file", str(image)),
            "qemu-storage-daemon file": arena.qemu_file(image),
            "loop, host": arena.driver(Loop(backing_file=image)),
        }
        return [one for name, path in servers.items() for one in arena.batching(name, path, rw, block, depth, 1)]

    return contenders


NBD_COMPARISONS: dict[str, Callable[[NbdArena], list[Contender]]] = {
    "NBD, null, 4 KiB reads, depth 32, batching client": null_batching("read", 1),
    "NBD, null, 4 KiB writes, depth 32, batching client": null_batching("write", 1),
    "NBD, null, 4 KiB reads, depth 32, 4 connections": null_batching("read", 4),
    "NBD, null, 4 KiB reads, depth 1, fio": null_fio("read", 4096, 1),
    "NBD, null, 4 KiB writes, depth 32, fio": null_fio("write", 4096, 32),
    "NBD, null, 1 MiB reads, depth 8, fio": null_fio("read", 1 << 20, 8),
    "NBD, memory, 4 KiB reads, depth 32, batching client": memory("read", 4096, 32),
    "NBD, memory, 1 MiB writes, depth 8, batching client": memory("write", 1 << 20, 8),
    "NBD, file, 4 KiB reads, depth 32, batching client": file("read", 4096, 32),
    "NBD, file, 4 KiB writes, depth 32, batching client": file("write", 4096, 32),
    "NBD, file, 1 MiB reads, depth 8, batching client": file("read", 1 << 20, 8),
    "NBD, file, 1 MiB writes, depth 8, batching client": file("write", 1 << 20, 8),
}
