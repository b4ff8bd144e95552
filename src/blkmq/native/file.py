# SPDX-License-Identifier: MIT
"""Files and semaphores, for hot loops: libc's calls; what it answers with -1 comes back as a negative errno."""

from __future__ import annotations

import ctypes
from typing import Any

_libc = ctypes.CDLL(None, use_errno=True)
for _name in ("preadv2", "pwritev2"):
    _function: Any = getattr(_libc, _name)
    _function.restype = ctypes.c_ssize_t
    _function.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, ctypes.c_int]
_libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
_libc.sem_wait.argtypes = _libc.sem_post.argtypes = [ctypes.c_void_p]

SEMAPHORE_WORDS = 4  #: of a ``sem_t``; zeroed memory is one of this process, with nothing to take


def _answer(result: int) -> int:
    return result if result >= 0 else -ctypes.get_errno()


def read_vector(fd: int, iovecs: int, nr_iovecs: int, position: int, flags: int) -> int:
    """Bytes read, 0 at the file's end. C twin: ``preadv2``, ``flags`` RWF_*."""
    return _answer(_libc.preadv2(fd, iovecs, nr_iovecs, position, flags))


def write_vector(fd: int, iovecs: int, nr_iovecs: int, position: int, flags: int) -> int:
    """Bytes written. C twin: ``pwritev2``, ``flags`` RWF_*."""
    return _answer(_libc.pwritev2(fd, iovecs, nr_iovecs, position, flags))


def allocate(fd: int, mode: int, position: int, nr_bytes: int) -> int:
    """0 or a negative errno. C twin: ``fallocate``, ``mode`` FALLOC_FL_*."""
    return _answer(_libc.fallocate(fd, mode, position, nr_bytes))


def sync_data(fd: int) -> int:
    """0 or a negative errno. C twin: ``fdatasync``."""
    return _answer(_libc.fdatasync(fd))


def wait_semaphore(address: int) -> int:
    """Takes one, or sleeps until there is one; 0, or -EINTR. C twin: ``sem_wait``."""
    return _answer(_libc.sem_wait(address))


def post_semaphore(address: int) -> int:
    """Adds one, and wakes a sleeper. C twin: ``sem_post``."""
    return _answer(_libc.sem_post(address))
