# SPDX-License-Identifier: MIT
"""Rules of values, names, calls and sharing; :mod:`blkmq.compiler.frontend.rules` says what the columns are."""

from __future__ import annotations

VALUES: tuple[tuple[str, str, str, str, str], ...] = (
    # --- values ------------------------------------------------------------------------------------
    ("construct", "body",
     "compiled drivers have no such construct",
     "integers, bools, enums, handles and their fields",
     "product = rq.tag @ rq.tag"),
    ("string", "body",
     "there are no strings",
     "an IntEnum for what has names",
     'name = f"request {rq.tag}"'),
    ("float", "body",
     "there are no floating-point numbers",
     "integers in a smaller unit: nanoseconds, bytes",
     "half = 0.5"),
    ("true-division", "body",
     "/ makes a floating-point number",
     "// divides integers",
     "kib = rq.nr_bytes / 1024"),
    ("collection", "body",
     "there are no lists, tuples, dicts or sets",
     "Annotated[Array[u64], 8] as a field, XArray for sparse integers",
     "pending = []"),
    ("comprehension", "body",
     "there are no comprehensions",
     "write the loop",
     "squares = [n * n for n in range(8)]"),
    ("int-range", "body",
     "the number does not fit 64 bits with a sign",
     "-2^63..2^63-1 in flight",
     "mask = 0xFFFF_FFFF_FFFF_FFFF"),
    ("overflow", "body",
     "the constant expression does not fit 64 bits with a sign",
     "-2^63..2^63-1 in flight",
     "limit = 1 << 63"),
    ("zero-division", "body",
     "the divisor is 0",
     "divide by something else",
     "n = rq.sector % 0"),
    ("shift", "body",
     "a shift count is 0..63",
     "shift by less",
     "n = rq.sector >> 64"),
    ("power", "body",
     "** takes constants only",
     "1 << n for a power of two",
     "n = 2**rq.tag"),
    ("number", "body",
     "an integer is needed here",
     "convert or compare it",
     "n = rq + 1"),
    ("none", "body",
     "this call has no result",
     "leave the assignment out",
     "result = rq.start()"),
    ("condition", "class",
     "this is neither true nor false",
     "compare it, or ask it: `not rqs.empty()`",
     """
     def queue_rqs(self, rqs: RequestList) -> None:
         while rqs:
             pass
     """),
    ("comparison", "body",
     "these cannot be compared",
     "compare integers, bools and enums; `is None` for handles",
     "same = rq == rq.hctx"),
    ("identity", "body",
     "`is` asks only whether a handle is None",
     "== for numbers; rq.tag for requests",
     "same = rq is rq"),
    ("membership", "body",
     "`in` takes the members written out",
     "rq.op in (ReqOp.READ, ReqOp.WRITE)",
     "inside = rq.sector in range(8)"),
    ("constant", "module",
     "only integers, bools, enum members and None are constants here",
     "move the value into config",
     """
     LABEL = "disk"


     class Driver(Operations):
         def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
             label = LABEL
             return BlkStatus.OK
     """),
    ("walrus", "body",
     ":= stands in the condition of if or while",
     "write the assignment before",
     "rq.end(status := BlkStatus.OK)"),
    # --- names, fields and calls -------------------------------------------------------------------
    ("name", "body",
     "nothing has this name",
     "import it, or assign it before",
     "n = SECTOR_SHFT"),
    ("field", "body",
     "there is no such field",
     "annotate it in the class",
     "self.nr_reads = 0"),
    ("attribute", "body",
     "there is no such attribute",
     "the documentation of the noun tells what it has",
     "n = rq.nr_sector"),
    ("method-value", "class",
     "a method can only be called",
     "write the parentheses",
     """
     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         handler = self.queue_rq
         return BlkStatus.OK
     """),
    ("alias", "class",
     "this has no value of its own that could be assigned or passed",
     "use it where it lies: self.store.get(index)",
     """
     store: PageStore

     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         pages = self.store
         return BlkStatus.OK
     """),
    ("segment", "body",
     "a segment stays in the loop that made it, under its own name",
     "pass what you need of it: len(segment), a page, an offset",
     """
     for segment in rq.segments():
         last = segment
     """),
    ("segments", "body",
     "segments() stands in a for loop",
     "for segment in rq.segments():",
     "rq.segments()"),
    ("subscript", "body",
     "only arrays, pages and segments have elements",
     "Annotated[Array[u64], 8] as a field",
     "n = rq[0]"),
    ("slice", "body",
     "there are no slices",
     "segment.copy_to_page(page, offset, nr_bytes), page.zero(offset, nr_bytes)",
     """
     for segment in rq.segments():
         segment[0:8] = 0
     """),
    ("index", "class",
     "the index is outside the array",
     "0..length-1",
     """
     class Hw:
         counts: Annotated[Array[u64], 8]

     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         hctx.data.counts[8] = 1
         return BlkStatus.OK
     """),
    ("length", "class",
     "only segments, pages and arrays have a length",
     "count in a field",
     """
     def queue_rqs(self, rqs: RequestList) -> None:
         n = len(rqs)
     """),
    ("call", "body",
     "a compiled driver cannot call this",
     "the driver's own methods, annotated functions, verbs of the nouns; or serve it with target=\"interpreted\"",
     "n = sorted(rq)"),
    ("print", "body",
     "there is no print",
     "count in an Atomic, or serve with target=\"interpreted\" and a breakpoint",
     "print(rq.sector)"),
    ("range", "body",
     "range stands in a for loop",
     "for i in range(n):",
     "numbers = range(8)"),
    ("verb", "class",
     "it has no such verb",
     "the documentation of the noun tells what it can do",
     """
     store: PageStore

     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         page = self.store.get_or_create(0)
         return BlkStatus.OK
     """),
    ("argument", "body",
     "the arguments do not match the parameters",
     "see the signature",
     "rq.update(BlkStatus.OK)"),
    ("argument-type", "body",
     "the argument is of another type",
     "convert it",
     "rq.end(0)"),
    ("enum-member", "body",
     "the enum has no member with this number",
     "write the member's name",
     "rq.end(BlkStatus(99))"),
    # --- sharing (decision 7 of the design) --------------------------------------------------------
    ("shared-field", "class",
     "a field that several queues reach is touched under one lock, everywhere",
     "an Atomic, a field of Hw or Pdu, or `with self.lock:` around every access",
     """
     nr_reads: u64

     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         self.nr_reads += 1
         return BlkStatus.OK
     """),
    ("list-lock", "class",
     "a request list in a field is touched under one lock, everywhere",
     "with hctx.data.lock: rq = hctx.data.done.pop()",
     """
     class Hw:
         done: RequestList

     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         hctx.data.done.add_tail(rq)
         return BlkStatus.OK
     """),
    ("lock-twice", "class",
     "this lock is held already",
     "take it once, around both",
     """
     lock: SpinLock

     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         with self.lock:
             self.finish(rq)
         return BlkStatus.OK

     def finish(self, rq: Request) -> None:
         with self.lock:
             rq.end()
     """),
    ("lock-order", "class",
     "two locks are taken in one order here and in the other order elsewhere",
     "choose one order for all callbacks",
     """
     one: SpinLock
     two: SpinLock

     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         with self.one:
             with self.two:
                 pass
         return BlkStatus.OK

     def commit_rqs(self, hctx: HwCtx) -> None:
         with self.two:
             with self.one:
                 pass
     """),
    ("sleep-in-spinlock", "class",
     "nothing may sleep while a spin lock is held",
     "take the mutex first, or leave the spin lock before",
     """
     lock: SpinLock
     mutex: Mutex

     def init_hctx(self, hctx: HwCtx) -> Errno:
         with self.lock:
             with self.mutex:
                 pass
         return Errno.OK
     """),
    ("may-sleep", "class",
     "this callback may not sleep",
     "tag_set.flags |= BLK_MQ_F_BLOCKING in configure, a Work, or a SpinLock",
     """
     mutex: Mutex

     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         with self.mutex:
             rq.end()
         return BlkStatus.OK
     """),
    ("configure-only", "class",
     "only configure sets this",
     "self.disk.set_capacity(nr_sectors) resizes later",
     """
     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         self.disk.capacity_sectors = 0
         return BlkStatus.OK
     """),
)  # fmt: skip
