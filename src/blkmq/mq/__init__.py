# SPDX-License-Identifier: MIT
"""The API to write Linux blk-mq block device drivers in Python, one noun a file.

A driver is a subclass of :class:`~blkmq.mq.operations.Operations`.  blk-mq gives it requests, and it owes an end for
each; that is all there is to it::

    >>> from blkmq import *
    >>> class Parrot(Operations):  # keeps one page, and says it everywhere
    ...     page: PageStore
    ...     def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
    ...         self.disk.capacity_sectors = SZ_1M >> SECTOR_SHIFT
    ...         return Errno.OK
    ...     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
    ...         rq.start()
    ...         for segment in rq.segments():
    ...             page = self.page.get_or_alloc(0)
    ...             if rq.op == ReqOp.WRITE:
    ...                 segment.copy_to_page(page, 0)
    ...             else:
    ...                 segment.copy_from_page(page, 0)
    ...         rq.end(BlkStatus.OK)
    ...         return BlkStatus.OK

Give it to :func:`blkmq.serve`, and programs do I/O on it.  Without ``target="interpreted"``, it is compiled::

    >>> with serve(Parrot(), via="in_process", target="interpreted") as disk:
    ...     disk.write(4096, b"Who's a pretty disk?".ljust(4096))
    ...     disk.read(0, 20)
    Traceback (most recent call last):
        ...
    OSError: [Errno 22] 20 bytes at 0: not in blocks of 512
    >>> with serve(Parrot(), via="in_process", target="interpreted") as disk:
    ...     disk.write(4096, b"Who's a pretty disk?".ljust(4096))
    ...     disk.read(0, 4096)[:20]
    b"Who's a pretty disk?"

**A request's life.**  ``queue_rq`` gets it idle.  ``rq.start()`` says that the driver has it; from then on its time
runs.  ``rq.end(status)`` gives it back, once, at any time, from any callback and any queue.  ``queue_rq`` answers
``BlkStatus.OK`` (taken), ``RESOURCE`` or ``DEV_RESOURCE`` (not now: it comes again), or the error that ends it.  A
request that is never ended times out.  One that is ended twice is counted, reported with file and line, and stays
ended once.

**Data.**  ``rq.segments()`` are its pieces, each within a page; the verbs of :class:`~blkmq.mq.segment.Segment` copy
and clear, and advance.  ``PageStore``, ``XArray``, ``BadBlocks`` and ``Atomic`` need no lock; any other field that
several queues reach does (``with self.lock:``).

**Later.**  A ``Pdu`` is the driver's own data for each request, a ``Hw`` for each hardware queue, a ``Shared`` for the
tag set.  An ``HrTimer`` or ``Work`` in a ``Pdu`` calls the method that has its name, with the request.

**Files.**  A ``BackingFile`` takes a request, does with a file what is asked for, and ends it.

**Twins.**  Every noun names its C and its Rust twin, and has their names and numbers (Linux 7.3).  ``blkmq ops DRIVER``
shows all callbacks.  The order of the files to read: ``operations``, ``request``, ``segment``, ``page_store``, then
what you need.
"""
