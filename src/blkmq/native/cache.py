# SPDX-License-Identifier: MIT
"""Where compiled code is kept between runs."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
from functools import cache
from importlib.metadata import version
from pathlib import Path

from blkmq.mq.errors import BlkmqError
from blkmq.native.cpu import cpu_key

CODE = "code"  #: the file beside a text that has its machine code
PARTS = ("numba", "c", "bench", "lab")  #: what it has, and what is removed of it
TAG, TAG_TEXT = "CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n# made by blkmq\n"
HINT = "set BLKMQ_CACHE_DIR to a directory that you can write"

PACKAGE = Path(__file__).parents[1]
#: What ends up, inlined, in compiled code.
INLINED = ("abi", "mq", "native", "dispatch", "transport", "compiler/numba")


def cache_path() -> Path:
    """Where it is, or would be."""
    named = os.environ.get("BLKMQ_CACHE_DIR")
    return Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "blkmq"


def cache_directory() -> Path:
    """``$BLKMQ_CACHE_DIR``, else ``blkmq`` below ``$XDG_CACHE_HOME`` or ``~/.cache``; made with mode 0700."""
    named = os.environ.get("BLKMQ_CACHE_DIR")
    path = cache_path()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        reason = "it is no directory" if isinstance(error, FileExistsError) else error.strerror
        raise BlkmqError(f"no cache directory {path}: {reason}", hint=HINT) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise BlkmqError(f"cache directory {path} is not writable", hint=HINT)
    tag = path / TAG
    if not tag.exists():
        if named and set(os.listdir(path)) - {TAG} and not tag.exists():
            raise BlkmqError(f"BLKMQ_CACHE_DIR = {path} has other things in it", hint="name one that is new or empty")
        tag.write_text(TAG_TEXT)
    return path


def remove_cache() -> None:
    """Removes what we keep there, and the directory if that is all; a BlkmqError if anything else is in it."""
    path = cache_path()
    if os.environ.get("BLKMQ_CACHE_DIR") and not (path / TAG).exists():
        raise BlkmqError(f"{path} is left: blkmq did not make it", hint="look at it, and remove it yourself")
    for part in PARTS:
        shutil.rmtree(path / part, ignore_errors=True)  # which follows no links
    if left := sorted(set(os.listdir(path)) - {TAG}):
        raise BlkmqError(f"{path} is left: it has {', '.join(left[:3])}", hint="look at it, and remove it yourself")
    (path / TAG).unlink(missing_ok=True)
    path.rmdir()


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
