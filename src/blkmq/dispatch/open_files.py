# SPDX-License-Identifier: MIT
"""The backing files of a tag set: opened for ``BackingFile.open``, closed with the set. C: ``loop_configure``."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import stat
from pathlib import Path

from blkmq.abi.falloc import FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE
from blkmq.abi.fs import BLKROGET
from blkmq.abi.page import PAGE_SIZE
from blkmq.abi.stat import STATX_DIOALIGN
from blkmq.dispatch.engine import LOOP_TYPE
from blkmq.dispatch.nouns.backing_file import MODE_BLOCK_SHIFT, MODE_DIRECT_IO, MODE_READ_ONLY
from blkmq.dispatch.nouns.records import BackingFileRecord
from blkmq.mq.errors import ConfigError
from blkmq.native.file import allocate

#: Where one may only read, one does.
ONLY_READING = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ETXTBSY)
FIRST_FD = 3  #: 0 in a record says that there is none

_libc = ctypes.CDLL(None, use_errno=True)
AT_EMPTY_PATH = 0x1000
STATX_BYTES, STX_DIO_MEM_ALIGN, STX_DIO_OFFSET_ALIGN = 256, 152, 156  #: struct statx, and places in it

HINTS = {
    errno.ENOENT: "make it: truncate -s 1G PATH",
    errno.EACCES: "look at its permissions, and at those of its directories",
    errno.EISDIR: "give a file in it",
    errno.ENOTDIR: "a directory of the path is a file",
    errno.ENXIO: "nothing is behind this device node",
}


class OpenFiles:
    """Opens what the records of BackingFiles ask for, and keeps it."""

    def __init__(self) -> None:
        self.refusal: ConfigError | None = None  #: why the last one could not be opened
        self._places: dict[int, tuple[str, Path]] = {}  #: of records by their address: attribute and path
        self._fds: list[int] = []
        self._opener = LOOP_TYPE(self.open)

    def __bool__(self) -> bool:
        """Whether there are any backing files."""
        return bool(self._places)

    def prepare(self, record: BackingFileRecord, attribute: str, config: object) -> None:
        """Tells a record how to open the file that the attribute of its name names."""
        path = getattr(config, attribute, None)
        if not isinstance(path, Path):
            raise ConfigError(
                attribute,
                path,
                "is no path, and a BackingFile is called so",
                hint=f"declare `{attribute}: Path` in the driver's config",
            )
        self._places[ctypes.addressof(record)] = attribute, path
        record.opener = ctypes.cast(self._opener, ctypes.c_void_p).value or 0

    def open(self, address: int, mode: int) -> int:
        """What ``BackingFile.open`` calls; 0, or a negative errno with a refusal noted."""
        attribute, path = self._places[address]
        record = BackingFileRecord.from_address(address)
        begin, block = record.begin, mode >> MODE_BLOCK_SHIFT
        try:
            if record.fd:
                raise ConfigError(attribute, str(path), "is open already", hint="open it once", errno=errno.EBUSY)
            fd, read_only = self._fd_of(attribute, path, bool(mode & MODE_READ_ONLY))
            record.size = os.lseek(fd, 0, os.SEEK_END)
            if begin + block > record.size:
                raise ConfigError(
                    attribute,
                    str(path),
                    f"its {record.size} bytes leave no block of {block} behind offset {begin}",
                    hint="make it longer: truncate -s 1G PATH",
                )
            if mode & MODE_DIRECT_IO:
                record.direct = self._make_direct(fd, attribute, path, begin | block)
            record.read_only = int(read_only)
            record.can_discard = int(not read_only and can_punch(fd, record.size))
        except ConfigError as error:
            self.refusal = error
            return -error.errno
        record.fd = fd
        return 0

    def _fd_of(self, attribute: str, path: Path, read_only: bool) -> tuple[int, bool]:
        """An open file, and whether it is for reading only."""
        try:
            kind = os.stat(path).st_mode
            if not stat.S_ISREG(kind) and not stat.S_ISBLK(kind):
                raise OSError(errno.EISDIR if stat.S_ISDIR(kind) else errno.EINVAL, "is no file and no block device")
            try:
                fd = os.open(path, (os.O_RDONLY if read_only else os.O_RDWR) | os.O_CLOEXEC | os.O_NOCTTY)
            except OSError as error:
                if read_only or error.errno not in ONLY_READING:
                    raise
                read_only = True
                fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY)
            if fd < FIRST_FD:
                low, fd = fd, fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, FIRST_FD)
                os.close(low)
        except OSError as error:
            number = error.errno or errno.EIO
            text = "is a directory" if number == errno.EISDIR else error.strerror or str(error)
            hint = HINTS.get(number, "give a regular file or a block device")
            raise ConfigError(attribute, str(path), text, hint=hint, errno=number) from None
        self._fds.append(fd)
        return fd, read_only or is_read_only_device(fd)

    def _make_direct(self, fd: int, attribute: str, path: Path, multiple: int) -> int:
        """Has it go past the page cache; what memory must be aligned to. C: LOOP_SET_DIRECT_IO."""
        try:
            fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_DIRECT)
            memory, place = direct_alignment(fd)
        except OSError:
            text, hint = "its file system has no direct I/O", "leave out direct_io"
            raise ConfigError(attribute, str(path), text, hint=hint) from None
        if multiple % place:
            text = f"its direct I/O takes only multiples of {place} bytes"
            hint = f"give blocksize={place}, and an offset that is a multiple of that"
            raise ConfigError(attribute, str(path), text, hint=hint)
        return memory

    def close(self) -> None:
        """Closes them all.  Nobody may use one any more."""
        while self._fds:
            os.close(self._fds.pop())


def direct_alignment(fd: int) -> tuple[int, int]:
    """What O_DIRECT wants memory to be aligned to, and places in the file; EOPNOTSUPP where it is not had."""
    answer = (ctypes.c_uint32 * (STATX_BYTES // 4))()
    if _libc.statx(fd, b"", AT_EMPTY_PATH, STATX_DIOALIGN, answer) == 0 and answer[0] & STATX_DIOALIGN:
        memory, place = answer[STX_DIO_MEM_ALIGN // 4], answer[STX_DIO_OFFSET_ALIGN // 4]
        if not place:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        return memory, place
    return PAGE_SIZE, PAGE_SIZE  # a kernel before 6.1, or a file system that does not say: enough for any


def is_read_only_device(fd: int) -> bool:
    """Whether it is a block device that takes no writes, which may be opened for them. C: ``bdev_read_only``."""
    if not stat.S_ISBLK(os.fstat(fd).st_mode):
        return False
    answer = fcntl.ioctl(fd, BLKROGET, bytes(ctypes.sizeof(ctypes.c_int)))
    return any(answer)


def can_punch(fd: int, size: int) -> bool:
    """Whether holes can be punched: one behind the file's end changes nothing.  A block device is not asked."""
    if stat.S_ISBLK(os.fstat(fd).st_mode):
        return True
    return allocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, size, PAGE_SIZE) == 0
