# SPDX-License-Identifier: MIT
"""Where devices in service are found again: a directory each, locked by its process for as long as that lives.

The lock, not a process number, says whether a device is in service: the kernel drops it with the process, however
that ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import select
import shutil
import signal
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from blkmq.mq.errors import BlkmqError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
NR_TRIES = 1000  #: of numbers for a device without a name of its own
LOCK, RECORD, LOG, SOCKET, CONTROL = "lock", "device.json", "log", "nbd.sock", "control.sock"


class DeviceError(BlkmqError):
    """No such device, or one of that name is in the way."""


@dataclass(frozen=True)
class DeviceRecord:
    """What a process in service tells of itself, once clients can reach it."""

    name: str
    pid: int
    driver: str  #: as it was given: a name or a file
    target: str
    via: str
    uris: list[str]  #: one for each disk
    attributes: dict[str, str] = field(default_factory=dict)
    since: float = 0.0  #: seconds since the epoch

    @classmethod
    def from_json(cls, text: str) -> DeviceRecord:
        """Damaged text is a ValueError."""
        value = json.loads(text)
        try:
            record = cls(**value)
            sound = isinstance(record.pid, int) and record.pid > 0 and isinstance(record.uris, list)
        except TypeError as error:
            raise ValueError(str(error)) from error
        if not sound:
            raise ValueError("no process number, or no URIs")
        return record


@dataclass(frozen=True)
class Found:
    """A device of the runtime directory."""

    name: str
    state: str  #: "serving", "starting", or "damaged"
    record: DeviceRecord | None
    trouble: str = ""


class Claim:
    """A name that this process has: its directory, locked until :meth:`release` or the process's end."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self.name = path.name
        self._fd = fd

    def publish(self, record: DeviceRecord) -> None:
        """Tells the world, whole or not at all."""
        fresh = self.path / f"{RECORD}.new"
        fresh.write_text(json.dumps(asdict(record), indent=2))
        os.replace(fresh, self.path / RECORD)

    def release(self) -> None:
        """Gives the name back; its directory goes."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._fd)


def default_path() -> Path:
    """``$BLKMQ_RUNTIME_DIR``, else ``blkmq`` in ``$XDG_RUNTIME_DIR`` or ``/run``, else one of this user in ``/tmp``."""
    if named := os.environ.get("BLKMQ_RUNTIME_DIR"):
        return Path(named).absolute()
    if parent := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(parent, "blkmq").absolute()
    return Path("/run/blkmq") if os.getuid() == 0 else Path(f"/tmp/blkmq-{os.getuid()}")


class RuntimeDirectory:
    """All devices of this user."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or default_path()

    def make(self) -> None:
        """Makes the directory, mode 0700; one that others own or can write is refused."""
        hint = "set BLKMQ_RUNTIME_DIR to a directory that is yours"
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = self.path.stat()
        except OSError as error:
            raise DeviceError(f"{self.path}: {error.strerror}", hint=hint) from error
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o022:
            raise DeviceError(f"{self.path} is no directory that only you can write", hint=hint)

    # --- names --------------------------------------------------------------------------------------------
    def claim(self, name: str) -> Claim:
        """Takes a name; a DeviceError if a device in service has it."""
        if not NAME.fullmatch(name):
            raise DeviceError(f"name = {name!r}", hint="letters, digits, _ . - and at most 64 of them")
        self.make()
        claim = self._try_to_claim(name)
        if claim is None:
            raise DeviceError(
                f"a device {name} is there already", hint=f"`blkmq del {name}` removes it, or give another --name"
            )
        return claim

    def claim_numbered(self, stem: str) -> Claim:
        """Takes the first free one of ``stem0``, ``stem1`` …"""
        self.make()
        for number in range(NR_TRIES):
            if (claim := self._try_to_claim(f"{stem}{number}")) is not None:
                return claim
        raise DeviceError(f"{NR_TRIES} devices {stem}… are there", hint="give a --name")

    def _try_to_claim(self, name: str) -> Claim | None:
        path = self.path / name
        while True:
            try:
                path.mkdir(mode=0o700, exist_ok=True)
                fd = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except FileNotFoundError:
                continue  # somebody removed a dead one at this moment
            except OSError as error:
                raise DeviceError(f"{path}: {error.strerror}", hint="`blkmq clean` removes what is damaged") from error
            if not _lock(fd):
                os.close(fd)
                return None
            if _is_same(fd, path / LOCK):
                _empty(path)
                return Claim(path, fd)
            os.close(fd)  # the one that was locked is gone meanwhile

    # --- what is there ------------------------------------------------------------------------------------
    def devices(self) -> list[Found]:
        """The devices in service, by name.  What dead processes left is removed."""
        return [found for path in self._entries() if (found := self._look(path)) is not None]

    def _entries(self) -> Iterator[Path]:
        try:
            yield from sorted(self.path.iterdir())
        except FileNotFoundError:
            return
        except OSError as error:
            raise DeviceError(f"{self.path}: {error.strerror}", hint="look at its owner and mode") from error

    def _look(self, path: Path) -> Found | None:
        try:
            fd = os.open(path / LOCK, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            if isinstance(error, FileNotFoundError) and path.is_dir() and not any(path.iterdir()):
                with contextlib.suppress(OSError):
                    path.rmdir()
                return None
            return Found(path.name, "damaged", None, f"{path}: {error.strerror}; `blkmq clean` removes it")
        try:
            if _lock(fd):
                if _is_same(fd, path / LOCK):
                    shutil.rmtree(path, ignore_errors=True)
                return None
        finally:
            os.close(fd)
        try:
            return Found(path.name, "serving", DeviceRecord.from_json((path / RECORD).read_text()))
        except FileNotFoundError:
            return Found(path.name, "starting", None)
        except (OSError, ValueError) as error:
            return Found(path.name, "damaged", None, f"{path / RECORD}: {error}")

    def find(self, name: str) -> DeviceRecord:
        """A device in service by its name; a DeviceError with what there is instead."""
        devices = self.devices()
        for found in devices:
            if found.name == name and found.record is not None:
                return found.record
            if found.name == name:
                raise DeviceError(found.trouble or f"{name} is still starting", hint="look again with `blkmq list`")
        names = ", ".join(found.name for found in devices) or "none"
        raise DeviceError(f"no device {name!r} is in service", hint=f"in service: {names}")

    def file(self, name: str, kind: str) -> Path:
        """A device's log, socket or record."""
        return self.path / name / kind

    # --- ends ---------------------------------------------------------------------------------------------
    def stop(self, record: DeviceRecord, *, signal_number: int = signal.SIGTERM, patience_sec: float = 60.0) -> None:
        """Ends a device's process, and waits until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            fd = os.pidfd_open(record.pid)
            try:
                signal.pidfd_send_signal(fd, signal_number)
                if not select.select([fd], [], [], patience_sec)[0]:
                    raise DeviceError(
                        f"{record.name}: process {record.pid} did not end within {patience_sec:g} s",
                        hint=f"`blkmq del --kill {record.name}` ends it at once",
                    )
            finally:
                os.close(fd)
        self.devices()  # removes what it left

    def remove(self) -> None:
        """The directory with all that is in it; no device may be in service."""
        if self.path.is_dir() and not self.path.is_symlink():
            shutil.rmtree(self.path, ignore_errors=True)


def _lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_same(fd: int, path: Path) -> bool:
    """Whether a path still leads to an open file."""
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def _empty(path: Path) -> None:
    """Removes what a dead process left, but the lock."""
    for left in path.iterdir():
        if left.name != LOCK:
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)


__all__ = ["Claim", "DeviceError", "DeviceRecord", "Found", "RuntimeDirectory", "default_path"]
