#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a command to which the kernel refuses io_uring, as container runtimes have it: by seccomp, with EPERM."""

from __future__ import annotations

import ctypes
import errno
import os
import sys

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2  #: <linux/prctl.h>, <linux/seccomp.h>
SECCOMP_RET_ERRNO, SECCOMP_RET_ALLOW = 0x00050000, 0x7FFF0000
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06  #: BPF_LD | BPF_W | BPF_ABS, BPF_JMP | BPF_JEQ | BPF_K, BPF_RET
SYS_IO_URING_SETUP = 425


class Instruction(ctypes.Structure):
    """C twin: ``struct sock_filter``."""

    _fields_ = (("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32))


class Program(ctypes.Structure):
    """C twin: ``struct sock_fprog``."""

    _fields_ = (("len", ctypes.c_uint16), ("filter", ctypes.c_void_p))


def refuse_io_uring() -> None:
    """From now on, for this process and what it starts."""
    instructions = (Instruction * 4)(
        Instruction(LOAD_WORD, 0, 0, 0),  # the system call's number
        Instruction(JUMP_IF_EQUAL, 0, 1, SYS_IO_URING_SETUP),
        Instruction(RETURN, 0, 0, SECCOMP_RET_ERRNO | errno.EPERM),
        Instruction(RETURN, 0, 0, SECCOMP_RET_ALLOW),
    )
    program = Program(len(instructions), ctypes.addressof(instructions))
    libc = ctypes.CDLL(None, use_errno=True)
    words = [ctypes.c_ulong(0)] * 3
    if libc.prctl(PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), *words) or libc.prctl(
        PR_SET_SECCOMP, ctypes.c_ulong(SECCOMP_MODE_FILTER), ctypes.byref(program)
    ):
        number = ctypes.get_errno()
        raise SystemExit(f"no seccomp: {os.strerror(number)}")


if __name__ == "__main__":
    refuse_io_uring()
    os.execvp(sys.argv[1], sys.argv[1:])
