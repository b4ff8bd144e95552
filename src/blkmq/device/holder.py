# SPDX-License-Identifier: MIT
"""Which process has a device's directory, when its record does not say."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from pathlib import Path

from blkmq.device.device_directory import CONTROL, LOCK

UCRED = struct.Struct("3i")  #: C: struct ucred


def holder_of(path: Path) -> int | None:
    """The process that answers at the directory's control socket, or has its lock; None if neither can be found."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.connect(os.fsencode(path / CONTROL))
        pid: int = UCRED.unpack(probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, UCRED.size))[0]
        return pid or None
    with contextlib.suppress(OSError):
        status = os.stat(path / LOCK, follow_symlinks=False)
        device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
        for line in Path("/proc/locks").read_text().splitlines():
            # 1: FLOCK  ADVISORY  WRITE 708 fe:00:131 0 EOF
            words = line.split()
            if len(words) > 5 and words[1] == "FLOCK" and words[5] == device:
                return int(words[4]) or None  # 0: of another PID namespace
    return None
