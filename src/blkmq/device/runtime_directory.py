# SPDX-License-Identifier: MIT
"""Where devices in service are found again: a directory each, locked by its process for as long as that lives.

The lock, not a process number, says whether a device is in service: the kernel drops it with the process, however
that ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from blkmq.device.device_directory import FRESH_RECORD, LOG, RECORD, DeviceDirectory, strangers_of, take_lock
from blkmq.device.holder import holder_of
from blkmq.mq.errors import BlkmqError, ConfigError
from blkmq.transport.nbd.address import AddressError, UnixAddress

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
PATIENCE_SEC = 60.0  #: how long a device may take to end
NR_TRIES = 1000  #: of numbers for a device without a name of its own


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

    def sockets(self) -> set[Path]:
        """The Unix sockets of its URIs."""
        return {Path(path) for uri in self.uris for path in parse_qs(urlsplit(uri).query).get("socket", ())}


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
        fresh = self.path / FRESH_RECORD
        fresh.write_text(json.dumps(asdict(record), indent=2))
        os.replace(fresh, self.path / RECORD)

    def release(self) -> None:
        """Gives the name back; its directory goes."""
        with contextlib.suppress(OSError), DeviceDirectory(self.path) as directory:
            directory.remove()
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
        self.died: dict[str, str] = {}  #: what to tell of the dead devices that were removed, by name
        self._ended: set[int] = set()  #: processes that were to end

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
        """Takes a name; a DeviceError if a device in service has it, a ConfigError if it is none."""
        if not NAME.fullmatch(name):
            raise ConfigError("name", name, "is no name", hint="letters, digits, _ . - and at most 64 of them")
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
        hint = "move it away, or give another --name"
        while True:
            try:
                path.mkdir(mode=0o700, exist_ok=True)
                with DeviceDirectory(path) as directory:
                    if strangers := strangers_of(directory.names()):
                        raise DeviceError(f"{path} has {listed(strangers)}, which no device makes", hint=hint)
                    fd = directory.open_lock(make=True)
                    if not take_lock(fd):
                        os.close(fd)
                        return None
                    if directory.has(fd):
                        directory.empty()
                        return Claim(path, fd)
                    os.close(fd)  # the one that was locked is gone meanwhile
            except FileNotFoundError:
                continue  # somebody removed a dead one at this moment
            except OSError as error:
                raise DeviceError(f"{path}: {error.strerror}", hint=hint) from error

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
            with DeviceDirectory(path) as directory:
                names = directory.names()
                if strangers := strangers_of(names):
                    told = f"{path} has {listed(strangers)}, which no device makes"
                    return Found(path.name, "damaged", None, told)
                if not names:
                    with contextlib.suppress(OSError):
                        path.rmdir()  # unless somebody takes it at this moment
                    return None
                fd = directory.open_lock()
                try:
                    if take_lock(fd):
                        self._reap(directory, fd)
                        return None
                finally:
                    os.close(fd)
        except OSError as error:
            text = "has no lock" if isinstance(error, FileNotFoundError) else f"is no device's: {error.strerror}"
            return Found(path.name, "damaged", None, f"{path} {text}") if os.path.lexists(path) else None
        try:
            return Found(path.name, "serving", DeviceRecord.from_json((path / RECORD).read_text()))
        except FileNotFoundError:
            return Found(path.name, "starting", None)
        except (OSError, ValueError) as error:
            return Found(path.name, "damaged", None, f"{path / RECORD}: {error}")

    def _reap(self, directory: DeviceDirectory, fd: int) -> None:
        """Removes what a dead process left, a socket elsewhere too."""
        if directory.has(fd):
            with contextlib.suppress(OSError, ValueError):
                record = DeviceRecord.from_json((directory.path / RECORD).read_text())
                for socket in record.sockets():
                    with contextlib.suppress(AddressError):
                        UnixAddress(socket).remove_stale()
                if record.pid not in self._ended:
                    last = (directory.path / LOG).read_text(errors="replace").splitlines()[-1:]
                    told = f"{record.name} died (process {record.pid}), and what it left is removed"
                    self.died[record.name] = "; its log ends with: ".join([told, *last])
            directory.remove()

    def find(self, name: str) -> DeviceRecord:
        """A device in service by its name; a DeviceError with what there is instead."""
        devices = self.devices()
        for found in devices:
            if found.name == name and found.record is not None:
                return found.record
            if found.name == name:
                raise DeviceError(found.trouble or f"{name} is still starting", hint="look again with `blkmq list`")
        names = ", ".join(found.name for found in devices) or "none"
        raise DeviceError(self.died.get(name, f"no device {name!r} is in service"), hint=f"in service: {names}")

    def file(self, name: str, kind: str) -> Path:
        """A device's log, socket or record."""
        return self.path / name / kind

    # --- ends ---------------------------------------------------------------------------------------------
    def stop(self, record: DeviceRecord, *, signal_number: int = signal.SIGTERM) -> None:
        """Ends a device's process, and waits until it is gone."""
        self._end(record.name, record.pid, signal_number)
        self.devices()  # removes what it left

    def stop_damaged(self, found: Found) -> None:
        """Ends the process of a device whose record is lost; a DeviceError if it lives and cannot be found."""
        path = self.path / found.name
        left = DeviceError(f"{path} is left: {found.trouble or 'it lives'}", hint="look at it, and remove it yourself")
        try:
            with DeviceDirectory(path) as directory:
                if strangers_of(directory.names()):
                    raise left
                if (pid := holder_of(path)) is not None:
                    self._end(found.name, pid, signal.SIGTERM)
                directory.remove_unless_held()
        except FileNotFoundError:
            return
        except OSError as error:
            raise left from error
        if os.path.lexists(path):
            raise left

    def _end(self, name: str, pid: int, signal_number: int) -> None:
        self._ended.add(pid)
        with contextlib.suppress(ProcessLookupError):
            fd = os.pidfd_open(pid)
            try:
                signal.pidfd_send_signal(fd, signal_number)
                if not select.select([fd], [], [], PATIENCE_SEC)[0]:
                    raise DeviceError(
                        f"{name}: process {pid} did not end within {PATIENCE_SEC:g} s",
                        hint=f"`blkmq del --kill {name}` ends it at once",
                    )
            finally:
                os.close(fd)

    def remove(self) -> None:
        """The directory, when no device is in it; a DeviceError if it has anything else, which stays."""
        hint = "look at it, and remove it yourself"
        try:
            if self.path.stat().st_uid != os.getuid():
                raise DeviceError(f"{self.path} is left: it is another user's", hint=hint)
            self.path.rmdir()
        except FileNotFoundError:
            return
        except OSError as error:
            raise DeviceError(f"{self.path} is left: {error.strerror}", hint=hint) from error


def listed(names: list[str]) -> str:
    """Some names, the first few."""
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")


__all__ = ["Claim", "DeviceError", "DeviceRecord", "Found", "RuntimeDirectory", "default_path"]
