# SPDX-License-Identifier: MIT
"""What a random function knows at the place that is being written: locals, locks held, functions it may call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from blkmq.testing.random_programs.stage import ENUMS, LOCKS

T = TypeVar("T")

Makes = list[Callable[[], str]]  #: choices, written when one is chosen

INT, BOOL, FLAGS = "int", "bool", "ReqFlag"
PAGE, SEGMENT, REQUEST, HW_CTX = "Page | None", "Segment", "Request | None", "HwCtx"

EDGES = (
    0, 1, 2, 3, 5, 7, 8, 9, 63, 64, 127, 128, 255, 256, 511, 512, 4095, 4096, 32767, 32768, 65535, 65536,
    (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, 1 << 53, 1 << 62, (1 << 63) - 1,
)  # fmt: skip

PLAIN_NAMES = ("x", "y", "n", "count", "total", "i", "j", "k", "left", "where", "best")
#: What the printers or their languages use themselves.
TAKEN_NAMES = (
    "auto", "register", "current", "call", "element", "stored", "pdu", "hw", "fail", "burn", "slot", "entry", "mul",
    "add", "t", "index", "test", "byte", "holds", "shift", "divisor", "errno", "lock1", "lock_0", "next_1", "i64",
    "shared", "unsigned", "S64_MIN", "BlkStatus_OK", "Level_HIGH", "Fault_VALUE", "segment_len", "page_setitem",
    "atomic64_load", "call_at", "noun", "stage_at", "stage_pdu_at", "stage_program_0", "min_t", "likely", "NULL",
    "rq_sector", "rq_2", "page_2", "self_wide", "pdu_small", "range_stop", "x_next", "i_stop", "u8", "hctx_2",
)  # fmt: skip


@dataclass(frozen=True)
class Helper:
    """A function that others call."""

    name: str  #: as it is called: ``self.helper_2``, ``add_up``
    parameters: tuple[tuple[str, str, str], ...]  #: name, kind, default ("" if it has none)
    returns: str  #: a kind, or "None"
    takes: frozenset[str] = frozenset()  #: locks that it takes, itself or through others
    needs: tuple[str, ...] = ()  #: locks that its caller holds


@dataclass
class Names:
    """The state of a function that is being written."""

    random: Random
    helpers: Sequence[Helper] = ()
    returns: str = INT
    own_self: bool = True  #: a method
    in_aids: bool = False  #: a function of the module that the driver imports
    lines: list[str] = field(default_factory=list)
    depth: int = 0  #: of indentation
    budget: int = 0  #: statements that may still be written
    kinds: dict[str, str] = field(default_factory=dict)  #: of every local, for ever
    known: set[str] | None = field(default_factory=set)  #: assigned here for sure; None: not reachable
    held: list[str] = field(default_factory=list)  #: locks
    takes: set[str] = field(default_factory=set)  #: locks taken so far, through other functions too
    loops: list[int] = field(default_factory=list)  #: for each loop around: how many locks are held outside
    calls_left: int = 3
    may_hang: bool = False  #: its loops may have no end; if others called it, they would never get on
    nested: bool = False  #: within an index
    fixed: set[str] = field(default_factory=set)  #: locals that are left alone: a loop's count, the request

    # --- choosing -------------------------------------------------------------------------------------------
    def one_of(self, values: Iterable[T]) -> T:
        return self.random.choice(list(values))

    def weighted(self, table: Sequence[tuple[int, T]]) -> T:
        return self.random.choices([value for _, value in table], [weight for weight, _ in table])[0]

    def made(self, makes: Makes) -> str:
        """One of these, written; "" if there is none."""
        return self.one_of(makes)() if makes else ""

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    # --- locals ---------------------------------------------------------------------------------------------
    def locals_of(self, kind: str) -> list[str]:
        """Locals and parameters of a kind that have a value here."""
        return sorted(name for name in self.known or () if self.kinds[name] == kind)

    def has(self, kind: str) -> bool:
        return bool(self.locals_of(kind))

    def target(self, kind: str, new: float = 0.4) -> str:
        """A local to assign to: one that is known, or a new one."""
        here = [name for name in self.locals_of(kind) if name not in self.fixed]
        if here and not self.chance(new):
            return self.one_of(here)
        for _ in range(20):
            name = self.one_of(TAKEN_NAMES if self.chance(0.2) else PLAIN_NAMES)
            if self.kinds.get(name, kind) == kind and name not in self.fixed:
                self.kinds[name] = kind
                return name
        return self.fresh(kind)

    def fresh(self, kind: str) -> str:
        """A local with a name of its own."""
        name = f"{kind.split()[0].lower()}_{len(self.kinds)}"
        self.kinds[name] = kind
        return name

    def learn(self, *names: str) -> None:
        """Says that these have a value from here on."""
        if self.known is not None:
            self.known |= set(names)

    # --- locks and calls ------------------------------------------------------------------------------------
    def may_take(self, locks: Iterable[str]) -> bool:
        """Whether these locks come after those that are held."""
        innermost = max((LOCKS.index(lock) for lock in self.held), default=-1)
        return all(LOCKS.index(lock) > innermost for lock in locks)

    def callable_helpers(self, kinds: Iterable[str]) -> list[Helper]:
        """Functions that may be called here and return one of these kinds."""
        wanted = set(kinds)
        return [
            helper
            for helper in self.helpers
            if helper.returns in wanted
            and (self.own_self or not helper.name.startswith("self."))
            and set(helper.needs) <= set(self.held)
            and self.may_take(helper.takes)
            and all(
                self.has(kind) for _, kind, default in helper.parameters if not default and kind in (REQUEST, HW_CTX)
            )
        ]

    def reachable(self, place: str) -> bool:
        """Whether a place's fields may be touched here, its lock being left out of account."""
        root = place.partition(".")[0]
        return self.own_self if root == "self" else root in (self.known or ())


Weighted = list[tuple[int, Callable[..., T]]]

__all__ = [
    "BOOL", "EDGES", "ENUMS", "FLAGS", "HW_CTX", "INT", "PAGE", "REQUEST", "SEGMENT", "Helper", "Makes", "Names",
    "Weighted",
]  # fmt: skip
