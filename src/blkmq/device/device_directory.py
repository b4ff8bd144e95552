# SPDX-License-Identifier: MIT
"""A device's directory: a lock, and the few files of its process.

These names alone are ever removed, in a directory that is no link: what anybody else put there, or what a link leads
to, is not ours.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

LOCK, RECORD, LOG, SOCKET, CONTROL = "lock", "device.json", "log", "nbd.sock", "control.sock"
FRESH_RECORD = f"{RECORD}.new"
FILES = (RECORD, FRESH_RECORD, LOG, SOCKET, CONTROL, LOCK)  #: the lock goes last


class DeviceDirectory(contextlib.AbstractContextManager["DeviceDirectory"]):
    """One that is there, open: an OSError if it is no directory, or a link."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)

    def __exit__(self, *error: object) -> None:
        os.close(self._fd)

    def names(self) -> list[str]:
        """What is in it."""
        return os.listdir(self._fd)

    def open_lock(self, *, make: bool = False) -> int:
        """The lock, for the caller to close."""
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | (os.O_CREAT if make else 0)
        return os.open(LOCK, flags, 0o600, dir_fd=self._fd)

    def has(self, lock: int) -> bool:
        """Whether an open lock is still the one in it."""
        try:
            return os.path.samestat(os.fstat(lock), os.stat(LOCK, dir_fd=self._fd, follow_symlinks=False))
        except FileNotFoundError:
            return False

    def empty(self) -> None:
        """Removes a process's files, but the lock."""
        for name in FILES:
            if name != LOCK:
                self._unlink(name)

    def remove(self) -> None:
        """Removes a process's files, and the directory if it is empty then; the caller has the lock."""
        for name in FILES:
            self._unlink(name)
        with contextlib.suppress(OSError):
            self.path.rmdir()

    def remove_unless_held(self) -> None:
        """The same, if no living process has its lock."""
        fd = self.open_lock(make=True)
        try:
            if take_lock(fd) and self.has(fd):
                self.remove()
        finally:
            os.close(fd)

    def _unlink(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError, IsADirectoryError, PermissionError):
            os.unlink(name, dir_fd=self._fd)


def strangers_of(names: list[str]) -> list[str]:
    """Those that no device makes."""
    return sorted(set(names) - set(FILES))


def take_lock(fd: int) -> bool:
    """Locks it; False if a living process has it."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
