# SPDX-License-Identifier: MIT
"""Where compiled drivers are kept between runs."""

from __future__ import annotations

import os
from pathlib import Path

from blkmq.mq.errors import BlkmqError

HINT = "set BLKMQ_CACHE_DIR to a directory that you can write"


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
