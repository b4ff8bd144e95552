# SPDX-License-Identifier: MIT
"""Rules of drivers, fields, functions and statements; the columns are those of :mod:`.rules`."""

from __future__ import annotations

DRIVERS: tuple[tuple[str, str, str, str, str], ...] = (
    # --- the driver and its fields -----------------------------------------------------------------
    ("queue-rq", "module",
     "a driver needs the method queue_rq",
     "def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus",
     """
     class Driver(Operations):
         def queue_request(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
             return BlkStatus.OK
     """),
    ("slot-signature", "class",
     "a callback has the parameters and the result of its slot",
     "`blkmq ops` shows them all",
     """
     def complete(self, hctx: HwCtx, rq: Request) -> None:
         rq.end()
     """),
    ("unknown-slot", "class",
     "nothing calls this method, and its name resembles a slot's",
     "`blkmq ops` shows all slots",
     """
     def commit_rq(self, hctx: HwCtx) -> None:
         pass
     """),
    ("caller-method", "class",
     "a timer or work calls the driver's method that is named after its field",
     "define the method, or rename the field",
     """
     class Pdu:
         timer: HrTimer
     """),
    ("caller-request", "class",
     "a timer or work in Pdu is given the request, one in the driver is not",
     "rq.pdu.timer.start(nsec, rq); self.tick.start(nsec)",
     """
     class Pdu:
         timer: HrTimer

     def timer(self, rq: Request) -> None:
         rq.end()

     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         rq.start()
         rq.pdu.timer.start(10_000)
         return BlkStatus.OK
     """),
    ("annotation", "class",
     "a field is a sized integer, a bool, an IntEnum, an array of these, or a noun of blkmq",
     "u8 … u64, s8 … s64, Annotated[Array[u64], 8], PageStore, Atomic, SpinLock …",
     "names: list[str]"),
    ("plain-int", "class",
     "an integer field has a size",
     "u64 for what is never negative, s64 for the rest",
     "nr_reads: int"),
    ("noun-place", "class",
     "this noun cannot lie there",
     ("config: integers and paths; Pdu: HrTimer, Work, Atomic, Request; Hw: SpinLock, Mutex, Atomic, RequestList, "
      "XArray, Request; Shared: all but HrTimer, Work and BackingFile; the driver: all"),
     """
     class Pdu:
         store: PageStore
     """),
    ("field-default", "class",
     "the default is outside its field's range",
     "choose another size or default",
     "limit: u8 = 256"),
    ("annotation-name", "class",
     "an annotation names what its module does not have",
     "import the name, and define the class at the top of its module",
     "count: u46"),
    ("source", "module",
     "the source text of this function cannot be found",
     "write it in a file",
     """
     exec("def double(n: int) -> int: return 2 * n")


     class Driver(Operations):
         def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
             rq.end(BlkStatus(double(5)))
             return BlkStatus.OK
     """),
    # --- functions ---------------------------------------------------------------------------------
    ("decorator", "class",
     "a driver's functions are not decorated",
     "make a static method a function of the module",
     """
     @classmethod
     def commit_rqs(cls, hctx: HwCtx) -> None:
         pass
     """),
    ("parameter-annotation", "class",
     "a parameter is annotated with a type that a compiled driver can pass",
     "int, bool, an IntEnum, Request, Page, HwCtx, RequestList, IoCompletionBatch; X | None for a handle",
     """
     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         return self.answer(rq, 0)

     def answer(self, rq: Request, status) -> BlkStatus:
         return BlkStatus(status)
     """),
    ("return-annotation", "class",
     "a result is annotated with a type that a compiled driver can return",
     "-> None, int, bool, an IntEnum, Page | None …",
     """
     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         self.finish(rq)
         return BlkStatus.OK

     def finish(self, rq: Request):
         rq.end()
     """),
    ("recursion", "class",
     "a function does not call itself, directly or through others",
     "write a loop: the kernel's stack is small",
     """
     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         rq.end(BlkStatus(self.halve(10)))
         return BlkStatus.OK

     def halve(self, n: int) -> int:
         return self.halve(n // 2) if n > 1 else n
     """),
    ("missing-return", "class",
     "the function can end without the result that its annotation promises",
     "end every way with a return",
     """
     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         if is_last:
             return BlkStatus.OK
     """),
    ("return-type", "body",
     "the result is of another type than its annotation",
     "return a member of the enum, or convert",
     "return 0"),
    ("star-argument", "body",
     "arguments are passed one by one",
     "write them out",
     "rq.end(*[BlkStatus.OK])"),
    # --- statements --------------------------------------------------------------------------------
    ("unpack", "body",
     "one assignment sets one name or field",
     "write two assignments",
     "first, last = rq.sector, rq.sector + rq.nr_sectors"),
    ("local-annotation", "body",
     "a local is an integer, a bool, an enum or a handle",
     "int, bool, BlkStatus, Page | None …",
     "ratio: float = 0"),
    ("type-changes", "body",
     "a local keeps one type for ever",
     "use a second name",
     """
     done = rq.nr_bytes
     done = rq.hctx
     """),
    ("unassigned", "body",
     "the local may have no value here",
     "assign it before, or in the other branch too",
     """
     if is_last:
         status = BlkStatus.OK
     return status
     """),
    ("read-only", "body",
     "this cannot be assigned",
     "requests, queues and attributes are only read; Pdu and Hw hold what the driver keeps",
     "rq.sector = 0"),
    ("field-type", "class",
     "the field is of another type",
     "convert the value",
     """
     class Pdu:
         status: BlkStatus

     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         rq.pdu.status = 10
         return BlkStatus.OK
     """),
    ("for", "body",
     "a for loop goes over range(…) or over rq.segments()",
     "use while for the rest",
     """
     for byte in b"signature":
         pass
     """),
    ("range-step", "body",
     "the step of a range is a constant, and not 0",
     "use while",
     """
     for sector in range(0, 4096, rq.nr_sectors):
         pass
     """),
    ("loop-else", "body",
     "a loop has no else",
     "set a bool before the break and test it after the loop",
     """
     for index in range(8):
         if index == rq.tag:
             break
     else:
         return BlkStatus.IOERR
     """),
    ("with", "body",
     "with takes one lock",
     "with self.lock:",
     """
     with open("/tmp/log") as log:
         pass
     """),
    ("no-effect", "body",
     "the statement has no effect",
     "remove it, or use its value",
     "rq.sector + 1"),
    ("match", "body",
     "there is no match",
     "if and elif",
     """
     match rq.op:
         case ReqOp.READ:
             pass
     """),
    ("try", "body",
     "errors are not caught in a driver: they end the one request",
     "test before: `if page is None`, `if 0 <= index < n`",
     """
     try:
         rq.start()
     except Exception:
         pass
     """),
    ("raise", "body",
     "a driver does not raise",
     "return a BlkStatus or Errno, or assert what must hold",
     "raise ValueError"),
    ("delete", "body",
     "nothing can be deleted",
     "assign 0, or call the noun's verb: self.store.erase(index)",
     "del rq"),
    ("global", "body",
     "there are no global variables",
     "a field of the driver, or of Shared for all disks of a tag set",
     "global counter"),
    ("import", "body",
     "imports stand at the top of the module",
     "move it there",
     "import math"),
    ("nested-function", "body",
     "functions and classes stand at the top of the module or in the driver's class",
     "move it there",
     "double = lambda n: 2 * n"),
    ("async", "class",
     "callbacks are not asynchronous",
     "keep the request and end it later: an HrTimer, Work, another callback",
     """
     def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
         async def later() -> None: ...
         return BlkStatus.OK
     """),
    ("yield", "body",
     "callbacks do not yield",
     "keep the request and end it later: an HrTimer, Work, another callback",
     "yield rq"),
)  # fmt: skip
