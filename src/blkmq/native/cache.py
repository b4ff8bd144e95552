# SPDX-License-Identifier: MIT
"""Where compiled code is kept between runs."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
from functools import cache
from importlib.metadata import version
from pathlib import Path

from blkmq.mq.errors import BlkmqError
from blkmq.native.cpu import cpu_key

CODE = "code"  #: the file beside a text that has its machine code
HINT = "set BLKMQ_CACHE_DIR to a directory that you can write"

PACKAGE = Path(__file__).parents[1]
#: What ends up, inlined, in compiled code.
INLINED = ("abi", "mq", "native", "dispatch", "transport", "compiler/numba")


def cache_directory() -> Path:
    """``$BLKMQ_CACHE_DIR``, else ``blkmq`` below ``$XDG_CACHE_HOME`` or ``~/.cache``; made with mode 0700."""
    named = os.environ.get("BLKMQ_CACHE_DIR")
    path = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "blkmq"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        reason = "it is no directory" if isinstance(error, FileExistsError) else error.strerror
        raise BlkmqError(f"no cache directory {path}: {reason}", hint=HINT) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise BlkmqError(f"cache directory {path} is not writable", hint=HINT)
    return path


@cache
def runtime_digest() -> bytes:
    """A hash of everything that compiled code is made of, besides a driver."""
    digest = hashlib.sha256(f"{version('numba')} {version('llvmlite')} {sys.version} {cpu_key()}".encode())
    for name in INLINED:
        for file in sorted((PACKAGE / name).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.digest()


def directory_of(text: str) -> Path:
    """Where the cache has a text and its machine code; there or not."""
    return cache_directory() / "numba" / hashlib.sha256(runtime_digest() + text.encode()).hexdigest()[:32]


def kept(name: str, text: str) -> Path:
    """A file of this text, beside which the code that is made of it is kept; the same one for the same text."""
    path = directory_of(text) / f"{name}.py"
    if not path.exists():
        write_once(path, text.encode())
    return path


def write_once(path: Path, data: bytes) -> None:
    """Makes a file that is complete or absent, and never touched again: other processes may look at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    with contextlib.suppress(FileExistsError):
        os.link(temporary, path)
    os.unlink(temporary)
