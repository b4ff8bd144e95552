# SPDX-License-Identifier: MIT
"""Name, text, hint and example of every rule; :mod:`blkmq.compiler.rules` says what the columns are."""

from __future__ import annotations

TABLE: tuple[tuple[str, str, str, str, str], ...] = (
    # --- the driver and its fields ----------------------------------------------------------------
    ("queue-rq", "a driver needs the method queue_rq",
     "def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus",
     "module", """
     class Driver(Operations):
         def queue_request(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
             return BlkStatus.OK
     """),
    ("slot-signature", "a callback has the parameters and the result of its slot",
     "`blkmq ops` shows them all", "class", """
     def complete(self, hctx: HwCtx, rq: Request) -> None:
         rq.end()
     """),
    ("unknown-slot", "nothing calls this method, and its name resembles a slot's",
     "`blkmq ops` shows all slots", "class", """
     def commit_rq(self, hctx: HwCtx) -> None:
         pass
     """),
    ("caller-method", "a timer or work calls the driver's method that has its field's name",
     "define the method, or rename the field", "class", """
     class Pdu:
         timer: HrTimer
     """),
    ("caller-request", "a timer or work in Pdu is given the request, one in the driver is not",
     "rq.pdu.timer.start(nsec, rq); self.tick.start(nsec)", "class", """
     class Pdu:
         timer: HrTimer

     def timer(self, rq: Request) -> None:
         rq.end()

     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         rq.start()
         rq.pdu.timer.start(10_000)
         return BlkStatus.OK
     """),
    ("annotation", "a field is a sized integer, a bool, an IntEnum, an array of these, or a noun of blkmq",
     "u8 … u64, s8 … s64, Annotated[Array[u64], 8], PageStore, Atomic, SpinLock …", "class", """
     names: list[str]
     """),
    ("plain-int", "an integer field has a size", "u64 for what is never negative, s64 for the rest", "class", """
     nr_reads: int
     """),
    ("noun-place", "this noun cannot lie there",
     "config: integers only; Pdu: HrTimer, Work, Atomic, Request; Hw: SpinLock, Mutex, Atomic, RequestList, "
     "XArray, Request; Shared: all but HrTimer and Work; the driver: all", "class", """
     class Pdu:
         store: PageStore
     """),
    ("field-default", "the default is outside its field's range", "choose another size or default", "class", """
     limit: u8 = 256
     """),
    ("annotation-name", "an annotation names what its module does not have",
     "import the name, and define the class at the top of its module", "class", """
     count: u46
     """),
    ("source", "the source text of this function cannot be found", "write it in a file", "module", """
     exec("def double(n: int) -> int: return 2 * n")


     class Driver(Operations):
         def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
             rq.end(BlkStatus(double(5)))
             return BlkStatus.OK
     """),
    # --- functions ----------------------------------------------------------------------------------
    ("decorator", "a driver's functions are not decorated", "make a static method a function of the module", "class", """
     @classmethod
     def commit_rqs(cls, hctx: HwCtx) -> None:
         pass
     """),
    ("parameter-annotation", "a parameter is annotated with a type that a compiled driver can pass",
     "int, bool, an IntEnum, Request, Page, HwCtx, RequestList, IoCompletionBatch; X | None for a handle", "class", """
     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         return self.answer(rq, 0)

     def answer(self, rq: Request, status) -> BlkStatus:
         return BlkStatus(status)
     """),
    ("return-annotation", "a result is annotated with a type that a compiled driver can return",
     "-> None, int, bool, an IntEnum, Page | None …", "class", """
     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         self.finish(rq)
         return BlkStatus.OK

     def finish(self, rq: Request):
         rq.end()
     """),
    ("recursion", "a function does not call itself, directly or through others",
     "write a loop: the kernel's stack is small", "class", """
     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         rq.end(BlkStatus(self.halve(10)))
         return BlkStatus.OK

     def halve(self, n: int) -> int:
         return self.halve(n // 2) if n > 1 else n
     """),
    ("missing-return", "the function can end without the result that its annotation promises",
     "end every way with a return", "class", """
     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         if is_last:
             return BlkStatus.OK
     """),
    ("return-type", "the result is of another type than its annotation", "return a member of the enum, or convert",
     "body", "return 0"),
    ("star-argument", "arguments are passed one by one", "write them out", "body", "rq.end(*[BlkStatus.OK])"),
    # --- statements -------------------------------------------------------------------------------
    ("unpack", "one assignment sets one name or field", "write two assignments", "body", """
     first, last = rq.sector, rq.sector + rq.nr_sectors
     """),
    ("local-annotation", "a local is an integer, a bool, an enum or a handle", "int, bool, BlkStatus, Page | None …",
     "body", "ratio: float = 0"),
    ("type-changes", "a local keeps one type for ever", "use a second name", "body", """
     done = rq.nr_bytes
     done = rq.hctx
     """),
    ("unassigned", "the local may have no value here", "assign it before, or in the other branch too", "body", """
     if is_last:
         status = BlkStatus.OK
     return status
     """),
    ("read-only", "this cannot be assigned", "requests, queues and attributes are only read; Pdu and Hw hold "
     "what the driver keeps", "body", "rq.sector = 0"),
    ("field-type", "the field is of another type", "convert the value", "class", """
     class Pdu:
         status: BlkStatus

     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         rq.pdu.status = 10
         return BlkStatus.OK
     """),
    ("for", "a for loop goes over range(…) or over rq.segments()", "use while for the rest", "body", """
     for byte in b"signature":
         pass
     """),
    ("range-step", "the step of a range is a constant, and not 0", "use while", "body", """
     for sector in range(0, 4096, rq.nr_sectors):
         pass
     """),
    ("loop-else", "a loop has no else", "set a bool before the break and test it after the loop", "body", """
     for index in range(8):
         if index == rq.tag:
             break
     else:
         return BlkStatus.IOERR
     """),
    ("with", "with takes one lock", "with self.lock:", "body", """
     with open("/tmp/log") as log:
         pass
     """),
    ("no-effect", "the statement has no effect", "remove it, or use its value", "body", "rq.sector + 1"),
    ("match", "there is no match", "if and elif", "body", """
     match rq.op:
         case ReqOp.READ:
             pass
     """),
    ("try", "errors are not caught in a driver: they end the one request",
     "test before: `if page is None`, `if 0 <= index < n`", "body", """
     try:
         rq.start()
     except Exception:
         pass
     """),
    ("raise", "a driver does not raise", "return a BlkStatus or Errno, or assert what must hold", "body", """
     raise ValueError
     """),
    ("delete", "nothing can be deleted", "assign 0, or call the noun's verb: self.store.erase(index)", "body", "del rq"),
    ("global", "there are no global variables", "a field of the driver, or of Shared for all disks of a tag set",
     "body", "global counter"),
    ("import", "imports stand at the top of the module", "move it there", "body", "import math"),
    ("nested-function", "functions and classes stand at the top of the module or in the driver's class", "move it there",
     "body", "double = lambda n: 2 * n"),
    ("async", "callbacks are not asynchronous", "keep the request and end it later: an HrTimer, Work, another callback",
     "class", """
     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         async def later() -> None: ...
         return BlkStatus.OK
     """),
    ("yield", "callbacks do not yield", "keep the request and end it later: an HrTimer, Work, another callback",
     "body", "yield rq"),
    # --- values --------------------------------------------------------------------------------------------
    ("construct", "compiled drivers have no such construct", "integers, bools, enums, handles and their fields",
     "body", "product = rq.tag @ rq.tag"),
    ("string", "there are no strings", "an IntEnum for what has names", "body", 'name = f"request {rq.tag}"'),
    ("float", "there are no floating-point numbers", "integers in a smaller unit: nanoseconds, bytes", "body",
     "half = 0.5"),
    ("true-division", "/ makes a floating-point number", "// divides integers", "body", "kib = rq.nr_bytes / 1024"),
    ("collection", "there are no lists, tuples, dicts or sets",
     "Annotated[Array[u64], 8] as a field, XArray for sparse integers", "body", "pending = []"),
    ("comprehension", "there are no comprehensions", "write the loop", "body", """
     squares = [n * n for n in range(8)]
     """),
    ("int-range", "the number does not fit 64 bits with a sign", "-2^63..2^63-1 in flight", "body",
     "mask = 0xFFFF_FFFF_FFFF_FFFF"),
    ("overflow", "the constant expression does not fit 64 bits with a sign", "-2^63..2^63-1 in flight", "body",
     "limit = 1 << 63"),
    ("zero-division", "the divisor is 0", "divide by something else", "body", "n = rq.sector % 0"),
    ("shift", "a shift count is 0..63", "shift by less", "body", "n = rq.sector >> 64"),
    ("power", "** takes constants only", "1 << n for a power of two", "body", "n = 2**rq.tag"),
    ("number", "an integer is needed here", "convert or compare it", "body", "n = rq + 1"),
    ("none", "this call has no result", "leave the assignment out", "body", "result = rq.start()"),
    ("condition", "this is neither true nor false", "compare it, or ask it: `not rqs.empty()`", "class", """
     def queue_rqs(self, rqs: RequestList) -> None:
         while rqs:
             pass
     """),
    ("comparison", "these cannot be compared", "compare integers, bools and enums; `is None` for handles", "body", """
     same = rq == rq.hctx
     """),
    ("identity", "`is` asks only whether a handle is None", "== for numbers; rq.tag for requests", "body", """
     same = rq is rq
     """),
    ("membership", "`in` takes the members written out", "rq.op in (ReqOp.READ, ReqOp.WRITE)", "body", """
     inside = rq.sector in range(8)
     """),
    ("constant", "only integers, bools, enum members and None are constants here", "move the value into config", "module", """
     LABEL = "disk"


     class Driver(Operations):
         def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
             label = LABEL
             return BlkStatus.OK
     """),
    ("walrus", ":= stands in the condition of if or while", "write the assignment before", "body", """
     rq.end(status := BlkStatus.OK)
     """),
    # --- names, fields and calls ------------------------------------------------------------------------------
    ("name", "nothing has this name", "import it, or assign it before", "body", "n = SECTOR_SHFT"),
    ("field", "there is no such field", "annotate it in the class", "body", "self.nr_reads = 0"),
    ("attribute", "there is no such attribute", "the documentation of the noun tells what it has", "body", """
     n = rq.nr_sector
     """),
    ("method-value", "a method can only be called", "write the parentheses", "class", """
     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         handler = self.queue_rq
         return BlkStatus.OK
     """),
    ("alias", "this has no value of its own that could be assigned or passed", "use it where it lies: self.store.get(index)",
     "class", """
     store: PageStore

     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         pages = self.store
         return BlkStatus.OK
     """),
    ("segment", "a segment stays in the loop that made it, under its own name",
     "pass what you need of it: len(segment), a page, an offset", "body", """
     for segment in rq.segments():
         last = segment
     """),
    ("segments", "segments() stands in a for loop", "for segment in rq.segments():", "body", "rq.segments()"),
    ("subscript", "only arrays, pages and segments have elements", "Annotated[Array[u64], 8] as a field", "body", "n = rq[0]"),
    ("slice", "there are no slices", "segment.copy_to_page(page, offset, nr_bytes), page.zero(offset, nr_bytes)",
     "body", """
     for segment in rq.segments():
         segment[0:8] = 0
     """),
    ("index", "the index is outside the array", "0..length-1", "class", """
     class Hw:
         counts: Annotated[Array[u64], 8]

     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         hctx.data.counts[8] = 1
         return BlkStatus.OK
     """),
    ("length", "only segments, pages and arrays have a length", "count in a field", "class", """
     def queue_rqs(self, rqs: RequestList) -> None:
         n = len(rqs)
     """),
    ("call", "a compiled driver cannot call this",
     "the driver's own methods, annotated functions, verbs of the nouns; or serve it with target=\"interpreted\"",
     "body", "n = sorted(rq)"),
    ("print", "there is no print", "count in an Atomic, or serve with target=\"interpreted\" and a breakpoint", "body",
     "print(rq.sector)"),
    ("range", "range stands in a for loop", "for i in range(n):", "body", "numbers = range(8)"),
    ("verb", "it has no such verb", "the documentation of the noun tells what it can do", "class", """
     store: PageStore

     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         page = self.store.get_or_create(0)
         return BlkStatus.OK
     """),
    ("argument", "the arguments do not match the parameters", "see the signature", "body", "rq.update(BlkStatus.OK)"),
    ("argument-type", "the argument is of another type", "convert it", "body", "rq.end(0)"),
    ("enum-member", "the enum has no member with this number", "write the member's name", "body", "rq.end(BlkStatus(99))"),
    # --- sharing (decision 7 of the design) ---------------------------------------------------------------------
    ("shared-field", "a field that several queues reach is touched under one lock, everywhere",
     "an Atomic, a field of Hw or Pdu, or `with self.lock:` around every access", "class", """
     nr_reads: u64

     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         self.nr_reads += 1
         return BlkStatus.OK
     """),
    ("list-lock", "a request list in a field is touched under a lock of the same noun",
     "with hctx.data.lock: rq = hctx.data.done.pop()", "class", """
     class Hw:
         done: RequestList

     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         hctx.data.done.add_tail(rq)
         return BlkStatus.OK
     """),
    ("lock-twice", "this lock is held already", "take it once, around both", "class", """
     lock: SpinLock

     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         with self.lock:
             self.finish(rq)
         return BlkStatus.OK

     def finish(self, rq: Request) -> None:
         with self.lock:
             rq.end()
     """),
    ("lock-order", "two locks are taken in one order here and in the other order elsewhere",
     "choose one order for all callbacks", "class", """
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
    ("sleep-in-spinlock", "nothing may sleep while a spin lock is held", "take the mutex first, or leave the spin lock before",
     "class", """
     lock: SpinLock
     mutex: Mutex

     def init_hctx(self, hctx: HwCtx) -> Errno:
         with self.lock:
             with self.mutex:
                 pass
         return Errno.OK
     """),
    ("may-sleep", "this callback may not sleep", "tag_set.flags |= BLK_MQ_F_BLOCKING in configure, a Work, or a SpinLock",
     "class", """
     mutex: Mutex

     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         with self.mutex:
             rq.end()
         return BlkStatus.OK
     """),
    ("configure-only", "only configure sets this", "self.disk.set_capacity(nr_sectors) resizes later", "class", """
     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         self.disk.capacity_sectors = 0
         return BlkStatus.OK
     """),
)  # fmt: skip
