# SPDX-License-Identifier: MIT
"""What can go wrong in the lab: one exit code for each kind, none of which a command is likely to use itself."""

from __future__ import annotations

from enum import IntEnum

from blkmq.mq.errors import BlkmqError


class LabExit(IntEnum):
    """Exit codes of ``blkmq lab``; a command's own exit code is passed on as it is."""

    UNKNOWN_KERNEL = 100  #: no kernel of that name in the matrix
    GONE = 101  #: the archive does not have it, or not that part of it
    TOOL_MISSING = 102  #: this machine lacks a program that the lab needs
    NO_NETWORK = 103  #: the mirror cannot be reached, and the cache does not have it
    DAMAGED = 104  #: what the mirror gave is not what its signed index says
    NO_SPACE = 105  #: the disk is full, or would be
    BUILD_FAILED = 106  #: a kernel, or the root that modules are built in, could not be made
    NO_KVM = 107  #: KVM was asked for, and no guest boots with it
    VM_BROKE = 110  #: the virtual machine did not start, or died
    PANIC = 111  #: the guest's kernel panicked
    BOOT_HANG = 112  #: the guest did not reach the command in time
    COMMAND_HANG = 113  #: the command did not end in time
    POWERED_OFF = 114  #: the guest was switched off or restarted before the command had ended
    KERNEL_LOG = 115  #: the command succeeded, but the kernel's log has a report


class LabError(BlkmqError):
    """A failure of the lab: with an exit code of its own."""

    def __init__(self, code: LabExit, text: str, *, hint: str = "") -> None:
        super().__init__(text, hint=hint)
        self.code = code
