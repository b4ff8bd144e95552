# SPDX-License-Identifier: MIT
"""A file or block device that holds a disk's data.

C twin: ``struct file`` with ``lo_rw_aio``, ``lo_req_flush`` and ``lo_fallocate`` of ``drivers/block/loop.c``.
"""

from __future__ import annotations

from blkmq.mq.errno import Errno
from blkmq.mq.request import Request
from blkmq.mq.verb import verb


class BackingFile:
    """A file that requests are passed on to: a verb submits, and the runtime ends the request.

    A field ``backing_file: BackingFile`` of a driver is the file that the attribute of the same name names,
    ``backing_file: Path`` of its config; the path itself is for the control path alone.

    A request is started, and goes to one verb once: it ends with ``OK`` or with the status of the file's errno, in
    any order with others, and may not be ended otherwise before, except by a timeout.  Its data is read into and
    written from where it lies.  Positions are bytes of the file, 0..2^63-1.  What is not done at once, out of the page
    cache, is done by io_uring or by threads of the runtime, so no verb but :meth:`open` sleeps.  Any queue may call
    any verb.  Before :meth:`open`, a verb is an error (ABSENT); a request that is with a file already is one, too
    (STATE).
    """

    @verb(sleeps=True)
    def open(self, read_only: bool, direct_io: bool, begin: int, block_size: int) -> Errno:
        """Opens the file, in ``configure``; reading only, too, where it cannot be written. C: ``filp_open``.

        The disk begins at byte ``begin`` of it, and has blocks of ``block_size`` bytes: at least one must fit, and with
        ``direct_io``, which goes past the page cache, both must be what the file's O_DIRECT takes.  What is wrong is
        told to whoever makes the disk, with the path.
        """
        raise NotImplementedError

    @verb(fallible=False)
    def size(self) -> int:
        """Its length when it was opened, in bytes. C: ``i_size_read``."""
        raise NotImplementedError

    @verb(fallible=False)
    def is_read_only(self) -> bool:
        """Whether it was opened for reading only. C: ``!(file->f_mode & FMODE_WRITE)``."""
        raise NotImplementedError

    @verb(fallible=False)
    def can_discard(self) -> bool:
        """Whether its file system gives space back; a block device is asked at each discard."""
        raise NotImplementedError

    @verb()
    def read(self, rq: Request, position: int) -> None:
        """Fills the request's data from ``position`` on; IOERR where the file ends before. C: ``vfs_iter_read``."""
        raise NotImplementedError

    @verb()
    def write(self, rq: Request, position: int) -> None:
        """Writes the request's data to ``position``; with FUA, to stable storage. C: ``vfs_iter_write``."""
        raise NotImplementedError

    @verb()
    def flush(self, rq: Request) -> None:
        """Puts on stable storage what was written before. C: ``vfs_fsync``, of the data."""
        raise NotImplementedError

    @verb()
    def discard(self, rq: Request, position: int) -> None:
        """Punches a hole as long as the request; NOTSUPP where the file has none. C: FALLOC_FL_PUNCH_HOLE."""
        raise NotImplementedError

    @verb()
    def write_zeroes(self, rq: Request, position: int) -> None:
        """Makes the request's range zeroes: by a hole; or, with NOUNMAP, FALLOC_FL_ZERO_RANGE; or by writing them."""
        raise NotImplementedError
