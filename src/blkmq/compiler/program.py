# SPDX-License-Identifier: MIT
"""The typed program: what the front end makes of a driver class, and the printers print.

Every expression has one type.  Whatever may raise is a statement of its own (``Do``, ``Invoke``,
``Fetch``, ``Store``, ``Guard``) whose result rests in a local, so that a printer's only duty is to
check for an error behind it; expressions are pure and never raise.  Statements carry the source line
that they come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from blkmq.mq.errors import Fault
from blkmq.mq.integer import Sized
from blkmq.mq.operations import Slot


# --- types ---------------------------------------------------------------------------------------
class Kind(Enum):
    """What a value in flight is."""

    S64 = "s64"  #: any integer or enum
    BOOL = "bool"
    NONE = "none"
    REQUEST = "Request"  #: handle, may be absent (Request | None)
    PAGE = "Page"  #: handle, may be absent
    SEGMENT = "Segment"  #: lives in the loop that made it
    HW_CTX = "HwCtx"
    REQUEST_LIST = "RequestList"
    BATCH = "IoCompletionBatch"


@dataclass(frozen=True)
class Type:
    """A value's type in flight; ``enum`` names the IntEnum that it must belong to, for messages and checks."""

    kind: Kind
    enum: str = ""  #: "BlkStatus", "Errno", … or ""
    optional: bool = False  #: Page | None, Request | None before a None check


@dataclass(frozen=True)
class Field:
    """A field of a record, at rest: a sized integer, an array of them, a noun (by class name), or a record."""

    name: str
    sized: Sized | None = None
    noun: str = ""  #: "PageStore", "SpinLock", "HrTimer", "Request" (a kept handle), …
    record: str = ""  #: name of a nested record
    length: int = 0  #: array of so many; 0: no array
    const: bool = False
    default: int = 0
    enum: str = ""  #: the IntEnum that the integer belongs to; "bool" for a bool, which rests as u8
    unit: str = ""  #: its doc comment: "MiB"
    slot: int = -1  #: HrTimer and Work: the slot of the method that it calls
    method: str = ""  #: HrTimer and Work: that method: the field's name in Pdu, "on_" before it in the driver


@dataclass(frozen=True)
class Record:
    """A struct: config, the driver itself, Pdu, Hw, Shared; and the nouns' own (TagSet, QueueLimits, GenDisk)."""

    name: str  #: C: ``struct slow_ram_pdu`` from "slow_ram_pdu"
    fields: tuple[Field, ...]
    file: str = ""
    line: int = 0


# --- places: what a field access goes through -------------------------------------------------------
class Root(Enum):
    """Where a place begins."""

    SELF = "self"  #: the disk's own record
    SHARED = "shared"  #: the tag set's Shared
    PDU = "pdu"  #: of the request in ``Place.handle``: reaching it may raise (STALE, ABSENT)
    HW = "hw"  #: of the hctx in ``Place.handle``
    TAG_SET = "tag_set"
    LIMITS = "limits"  #: configure's second parameter
    DISK = "disk"
    GEOMETRY = "geometry"  #: what getgeo fills in
    UNIQUE_ID = "unique_id"  #: what get_unique_id fills in


@dataclass(frozen=True)
class Place:
    """``self.config.size`` is (SELF, ("config", "size")); ``rq.pdu.timer`` is (PDU, ("timer",), handle=Local rq)."""

    root: Root
    path: tuple[str, ...]
    field: Field  #: what lies there
    handle: Expr | None = None
    index: Expr | None = None  #: array element; checked by a Guard or by Fetch/Store itself (INDEX)


# --- expressions: pure, cannot raise ---------------------------------------------------------------------
@dataclass(frozen=True)
class Expr:
    type: Type


@dataclass(frozen=True)
class Int(Expr):
    value: int
    name: str = ""  #: the source's spelling, "SECTOR_SHIFT", "BlkStatus.OK"; printers may use it


@dataclass(frozen=True)
class Bool(Expr):
    value: bool


@dataclass(frozen=True)
class Absent(Expr):
    """None, as a Page or Request."""


@dataclass(frozen=True)
class Local(Expr):
    name: str


@dataclass(frozen=True)
class Binary(Expr):
    """+ - * & | ^ (wrapping), << >> // % where the front end proved them safe (constant right side)."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True)
class Unary(Expr):
    """- ~ (wrapping), not."""

    op: str
    value: Expr


@dataclass(frozen=True)
class Compare(Expr):
    """== != < <= > >= on s64 (or bool ==), "is" / "is not" between handles and Absent."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True)
class Logic(Expr):
    """and, or on bools; short-circuit or not is the same, since expressions are pure."""

    op: str
    values: tuple[Expr, ...]


@dataclass(frozen=True)
class Choose(Expr):
    """then if test else otherwise."""

    test: Expr
    then: Expr
    otherwise: Expr


@dataclass(frozen=True)
class Extreme(Expr):
    """min or max of two or more; abs is Choose."""

    op: str
    values: tuple[Expr, ...]


@dataclass(frozen=True)
class Truth(Expr):
    """bool(x): of an integer (!= 0), of a handle (present)."""

    value: Expr


@dataclass(frozen=True)
class AsInt(Expr):
    """int(b) of a bool."""

    value: Expr


@dataclass(frozen=True)
class SegmentLength(Expr):
    """len(segment)."""

    segment: str


# --- statements ----------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Stmt:
    line: int  #: in the function's own file


@dataclass(frozen=True)
class Assign(Stmt):
    """local = expression."""

    target: str
    value: Expr


@dataclass(frozen=True)
class Fetch(Stmt):
    """local = place.  ``raises`` when it goes through a request or an index."""

    target: str
    place: Place
    raises: bool


@dataclass(frozen=True)
class Store(Stmt):
    """place = expression, range-checked (VALUE) unless ``checked`` says that every value fits."""

    place: Place
    value: Expr
    checked: bool  #: True: no run-time range check needed
    raises: bool


@dataclass(frozen=True)
class Do(Stmt):
    """local = a verb of a noun.

    ``noun`` and ``verb`` name it ("PageStore", "get_or_alloc"); the subject is a handle expression
    (Request, Page, RequestList, IoCompletionBatch), a place (fields: PageStore, HrTimer, …), a segment
    local, or nothing ("", "ktime_get_ns").  A verb on a Segment changes the local.
    Request fields read as verbs: ("Request", "sector"), also "op" "flags" "nr_sectors" "nr_bytes" "tag" "hctx";
    ("HwCtx", "queue_num"), ("HwCtx", "type"); byte access: ("Page"|"Segment", "getitem"|"setitem");
    ("TagSet", "tag_to_rq").
    """

    target: str  #: "" when the result is dropped
    noun: str
    verb: str
    subject: Expr | None
    place: Place | None
    segment: str  #: name of the Segment local, or ""
    args: tuple[Expr, ...]  #: defaults filled in
    result: Type
    fallible: bool
    slot: int = -1  #: HrTimer.start and Work.queue: the slot to call


@dataclass(frozen=True)
class Invoke(Stmt):
    """local = one of the driver's own methods or helper functions; always checked for an error behind it."""

    target: str
    function: str
    args: tuple[Expr, ...]
    result: Type


class Check(Enum):
    """Run-time checks whose operands rest in locals or constants."""

    DIVISOR = "divisor"  #: left // right or left % right: ZERO_DIVISION, DIVISION (INT64_MIN, -1)
    SHIFT = "shift"  #: right outside 0..63
    RANGE = "range"  #: value outside ``sized``: VALUE
    MEMBER = "member"  #: value is no member of ``enum`` (sorted values in ``members``): VALUE, or STATUS for BlkStatus
    ASSERT = "assert"  #: value is false
    HOLDS = "holds"  #: left, a bool, is false: ``fault``; right is the value to tell


@dataclass(frozen=True)
class Guard(Stmt):
    check: Check
    fault: Fault
    left: Expr
    right: Expr | None = None
    sized: Sized | None = None
    members: tuple[int, ...] = ()
    text: str = ""


@dataclass(frozen=True)
class If(Stmt):
    test: Expr
    then: Sequence[Stmt]
    otherwise: Sequence[Stmt]


@dataclass(frozen=True)
class Loop(Stmt):
    """while True: (head; if not test: break); body; step.  Burns 1 fuel at its back edge, before ``step``.

    ``head`` computes what ``test`` needs; ``step`` (a for loop's increment) also runs on ``continue``.
    """

    head: Sequence[Stmt]
    test: Expr
    body: Sequence[Stmt]
    step: Sequence[Stmt] = ()


@dataclass(frozen=True)
class EachSegment(Stmt):
    """for segment in rq.segments(): 1 fuel a turn."""

    target: str
    request: Expr
    body: Sequence[Stmt]


@dataclass(frozen=True)
class Break(Stmt):
    pass


@dataclass(frozen=True)
class Continue(Stmt):
    pass


@dataclass(frozen=True)
class Locked(Stmt):
    """with lock: body.  ``noun`` is "SpinLock" or "Mutex".  Leaving it by break, continue or return unlocks; an
    error leaves the unlocking to whoever called the callback."""

    noun: str
    place: Place
    body: Sequence[Stmt]


@dataclass(frozen=True)
class Return(Stmt):
    """Always with a value, but for Kind.NONE."""

    value: Expr | None

    @property
    def is_as_after_error(self) -> bool:
        """Whether it returns what a function returns that has met an error: 0, False, nothing."""
        return self.value is None or (isinstance(self.value, Int | Bool) and not self.value.value)


# --- functions and the program ------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Parameter:
    name: str
    type: Type


@dataclass(frozen=True)
class Function:
    """A method, or a module's helper function (``method`` False: no self)."""

    name: str  #: unique in the program, the source's name
    parameters: tuple[Parameter, ...]  #: left out: ``self``, and TagSet, QueueLimits, GenDisk (one of each)
    returns: Type
    body: Sequence[Stmt]
    locals: dict[str, Type]  #: all but the parameters, temporaries included
    file: int  #: index into Program.files
    line: int
    method: bool = True


@dataclass(frozen=True)
class Entry:
    """A callback: its slot number, the function, and which arguments it takes."""

    number: int
    function: str
    slot: Slot | None  #: None: a timer's or work's method
    serves_request: bool = False  #: timer or work in Pdu: called with rq

    def reports(self, answer: Stmt) -> bool:
        """Whether dispatch may have to say where this Return is: queue_rq's other answers than OK."""
        is_ok = isinstance(answer, Return) and isinstance(answer.value, Int) and answer.value.value == 0
        return self.slot is not None and self.slot.name == "queue_rq" and not is_ok


@dataclass(frozen=True)
class Program:
    """A driver, checked and typed."""

    name: str  #: "SlowRam"
    snake_name: str  #: "slow_ram"
    files: tuple[str, ...]  #: source files, the class's own first
    records: tuple[Record, ...]  #: config, driver, pdu, hw, shared (always all five, maybe empty)
    functions: tuple[Function, ...]  #: callees before callers
    entries: tuple[Entry, ...]
    folded: dict[str, int] = field(default_factory=dict)  #: const attributes that became constants

    def record(self, role: str) -> Record:
        """The record of role "config", "", "pdu", "hw" or "shared" ("" is the driver itself)."""
        wanted = f"{self.snake_name}_{role}" if role else self.snake_name
        return next(r for r in self.records if r.name == wanted)
