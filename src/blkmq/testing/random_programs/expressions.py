# SPDX-License-Identifier: MIT
"""Random expressions: integers, conditions, enum members, pages."""

from __future__ import annotations

from collections.abc import Sequence

from blkmq.testing.random_programs.names import (
    BOOL,
    EDGES,
    ENUMS,
    HW_CTX,
    INT,
    PAGE,
    REQUEST,
    SEGMENT,
    Helper,
    Makes,
    Names,
    Weighted,
)
from blkmq.testing.random_programs.stage import (
    ATOMICS,
    CONFIG,
    CONSTANTS,
    PLACES,
    SIZES,
    XARRAYS,
)

OPERATORS = [(5, "+"), (5, "-"), (2, "*"), (3, "//"), (3, "%"), (1, "<<"), (3, ">>"), (4, "&"), (2, "|"), (2, "^")]
ENUM_FIELDS = {"Level": "level", "Mode": "mode", "BlkStatus": "status"}
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
REQUEST_NUMBERS = ("sector", "nr_sectors", "nr_bytes", "tag", "op", "flags", "hctx.queue_num")


class Expressions(Names):
    """Writes expressions over what is known; what is composed stands in parentheses."""

    # --- integers -------------------------------------------------------------------------------------------
    def integer(self, depth: int = 3) -> str:
        """Any integer."""
        if depth <= 0 or self.chance(0.15):
            return self.atom()
        return self.weighted(INTEGERS)(self, depth - 1) or self.atom()

    def atom(self) -> str:
        """A local, a constant, or a field."""
        if self.chance(0.75):
            return self.simple()
        return self.made(self._integer_places()) or self.simple()

    def simple(self) -> str:
        """A local or a constant."""
        if self.has(INT) and self.chance(0.6):
            return self.one_of(self.locals_of(INT))
        if self.chance(0.15):
            qualified = [] if self.in_aids else ["aids.LIMIT", "aids.DEEP"]
            return self.one_of([*CONSTANTS, "SECTOR_SHIFT", "PAGE_SIZE", *qualified, *_members()])
        if self.own_self and self.chance(0.1):
            return "self.STRIDE"
        value = self.random.randrange(-2, 18) if self.chance(0.6) else self.one_of(EDGES)
        if self.chance(0.2):
            value = -value
        return f"({value})" if value < 0 else str(value)

    def _integer_places(self) -> Makes:
        """Fields and other values that can be read here."""
        makes: Makes = []
        for place in self.open_places():
            makes += [lambda p=place: f"{p}.{self.one_of(SIZES)}", lambda p=place: f"{p}.words[{self.index(3)}]"]
            makes += [lambda p=place: f"{p}.bytes_[{self.index(4)}]", lambda p=place: f"len({p}.words)"]
        if self.own_self:
            makes.append(lambda: f"self.config.{self.one_of((*CONFIG, 'scale'))}")
        for rq in self.locals_of(REQUEST):
            makes += [lambda rq=rq: f"{rq}.{self.one_of(REQUEST_NUMBERS)}"] * 2
        if self.has(HW_CTX):
            makes.append(lambda: self.one_of(("hctx.queue_num", "hctx.type")))
        for segment in self.locals_of(SEGMENT):
            makes += [lambda s=segment: f"len({s})", lambda s=segment: f"{s}[{self.index(512)}]"]
        for page in self.locals_of(PAGE):
            makes += [lambda p=page: f"{p}[{self.index(4096)}]", lambda p=page: f"len({p})"]
        return makes

    def open_places(self) -> list[str]:
        """Records whose fields may be touched here."""
        return [p for p, lock in PLACES.items() if self.reachable(p) and (not lock or lock in self.held)]

    def index(self, length: int) -> str:
        """An index, most of the time within ``length``, and now and then right behind its ends."""
        form = self.weighted([(6, "constant"), (5, "inside"), (1, "first"), (1, "last"), (1, "any")])
        if form == "constant":
            return str(self.random.randrange(length))
        if form == "first":
            return f"({self.index_value()} % 2 - 1)"
        if form == "last":
            return f"({self.index_value()} % 2 + {length - 1})"
        return f"({self.index_value()} % {length})" if form == "inside" else self.index_value()

    def index_value(self) -> str:
        return (
            self.simple()
            if self.chance(0.6)
            else f"({self.simple()} {self.one_of('+-^>&')} {self.simple()})".replace(">", ">>")
        )

    def _operation(self, depth: int) -> str:
        op = self.weighted(OPERATORS)
        left = self.integer(depth)
        if op in ("//", "%"):
            right = self.divisor(depth)
        elif op in ("<<", ">>"):
            right = self.shift_count(depth)
        else:
            right = self.integer(depth)
        gap = "\n            " if self.chance(0.03) else " "
        return f"({left} {op}{gap}{right})"

    def divisor(self, depth: int) -> str:
        """The right side of a division: mostly not 0."""
        constant = self.one_of((1, 2, 3, 7, 8, 10, 64, 512, "(-1)", "(-3)", "(-8)", "LIMIT", "ODD"))
        form = self.weighted([(5, str(constant)), (2, "({} | 1)"), (2, "{}")])
        return form.format(self.integer(depth)) if "{" in form else form

    def shift_count(self, depth: int) -> str:
        """The right side of a shift: mostly 0..63."""
        constant = self.one_of((0, 1, 2, 3, 8, 9, 12, 31, 32, 62, 63))
        masked = f"({{}} & {self.one_of((7, 15, 63))})"
        form = self.weighted([(5, str(constant)), (4, masked), (2, "{}")])
        return form.format(self.integer(depth)) if "{" in form else form

    def _unary(self, depth: int) -> str:
        # From Python 3.12 on ~ of a bool is deprecated, and an integer may hold one.
        return (
            f"({self.one_of(('-', '+'))}{self.integer(depth)})"
            if self.chance(0.6)
            else f"(~int({self.integer(depth)}))"
        )

    def _choice(self, depth: int) -> str:
        return f"({self.integer(depth)} if {self.truth_like(depth)} else {self.integer(depth)})"

    def _extreme(self, depth: int) -> str:
        values = [self.integer(depth) for _ in range(self.weighted([(6, 2), (2, 3), (1, 4)]))]
        return f"{self.one_of(('min', 'max'))}({', '.join(values)})"

    def _absolute(self, depth: int) -> str:
        return f"abs({self.integer(depth)})"

    def _of_truth(self, depth: int) -> str:
        form = self.one_of(("int({})", "({} + {atom})", "({atom} * {})", "(-{})"))
        return form.format(self.truth(depth), atom=self.atom())

    def _one_or_other(self, depth: int) -> str:
        return f"({self.integer(depth)} {self.one_of(('and', 'or'))} {self.integer(depth)})"

    def _same(self, depth: int) -> str:
        return f"int({self.integer(depth)})" if self.chance(0.5) else f"{self.member(self.one_of(ENUMS), depth)}.value"

    def _verb(self, depth: int) -> str:
        """A verb that returns an integer."""
        makes: Makes = []
        for atomic in filter(self.reachable, ATOMICS):
            makes += [
                lambda a=atomic: f"{a}.load()",
                lambda a=atomic: f"{a}.{self.one_of(('fetch_add', 'xchg'))}({self.integer(depth)})",
                lambda a=atomic: f"{a}.cmpxchg({self.simple()}, {self.integer(depth)})",
            ]
        for array in filter(self.reachable, XARRAYS):
            makes.append(lambda a=array: f"{a}.{self.one_of(('load', 'erase'))}({self.map_index()})")
        if self.own_self:
            makes.append(lambda: f"self.bad.first_bad({self.map_index()}, {self.map_index()})")
            makes.append(lambda: "self.store.nr_pages()")
        for segment in self.locals_of(SEGMENT):
            makes += [
                lambda s=segment: f"{s}.zero({self.index(512)})",
                lambda s=segment: f"{s}.copy_to_page({self.page()}, {self.index(4096)})",
                lambda s=segment: f"{s}.copy_from_page({self.page()}, {self.index(4096)}, {self.index(600)})",
            ] * 2
        return self.made(makes)

    def map_index(self) -> str:
        """An index of a sparse array: small ones meet more often."""
        value = self.index_value()
        return f"({value} & {self.one_of((3, 63, 127))})" if self.chance(0.75) else value

    # --- calls ----------------------------------------------------------------------------------------------
    def _call(self, depth: int) -> str:
        return self.call([INT], depth)

    def call(self, kinds: Sequence[str], depth: int) -> str:
        """A call of a function that returns one of these kinds; "" if there is none."""
        helpers = self.callable_helpers(kinds)
        if not helpers or self.calls_left <= 0:
            return ""
        self.calls_left -= 1
        helper = self.one_of(helpers)
        self.takes |= helper.takes
        return f"{helper.name}({self._arguments(helper, depth)})"

    def _arguments(self, helper: Helper, depth: int) -> str:
        given: list[str] = []
        by_keyword: list[str] = []
        for name, kind, default in helper.parameters:
            if default and self.chance(0.4):
                continue
            value = self.value(kind, depth)
            if len(given) + len(by_keyword) < len(helper.parameters[: helper.parameters.index((name, kind, default))]):
                by_keyword.append(f"{name}={value}")  # one before it was left out
            elif by_keyword or self.chance(0.2):
                by_keyword.append(f"{name}={value}")
            else:
                given.append(value)
        self.random.shuffle(by_keyword)
        return ", ".join([*given, *by_keyword])

    def value(self, kind: str, depth: int = 2) -> str:
        """A value of any kind."""
        if kind == INT:
            return self.truth(depth) if self.chance(0.05) else self.integer(depth)
        if kind == BOOL:
            return self.truth(depth)
        if kind == PAGE:
            return self.page()
        if kind in (REQUEST, HW_CTX):
            return self.one_of(self.locals_of(kind))
        return self.member(kind, depth)

    # --- enums and pages ------------------------------------------------------------------------------------
    def member(self, enum: str, depth: int = 2) -> str:
        """A value of an enum."""
        local = self.locals_of(enum)
        if local and self.chance(0.4):
            return self.one_of(local)
        constant = f"{enum}.{self.one_of(ENUMS[enum])}"
        if depth > 0 and self.chance(0.25):
            form = self.weighted([(3, constant), (1, "({} % 4)"), (1, "{}")])
            return f"{enum}({form.format(self.integer(1)) if '{' in form else form})"
        if depth > 0 and self.chance(0.1):
            return f"({self.member(enum, 0)} if {self.truth_like(depth - 1)} else {self.member(enum, 0)})"
        places = self.open_places()
        if not places or self.chance(0.5):
            return constant
        if enum == "Level" and self.chance(0.4):
            return f"{self.one_of(places)}.levels[{self.index(2)}]"
        return f"{self.one_of(places)}.{ENUM_FIELDS[enum]}"

    def page(self) -> str:
        """A page, which may be None."""
        local = self.locals_of(PAGE)
        if (local and self.chance(0.8)) or not self.own_self:
            return self.one_of(local) if local else "None"
        return f"self.store.{self.one_of(('get', 'get_or_alloc'))}({self.map_index()})"

    # --- conditions -----------------------------------------------------------------------------------------
    def truth(self, depth: int = 2) -> str:
        """A bool."""
        if self.has(BOOL) and self.chance(0.25):
            return self.one_of(self.locals_of(BOOL))
        if depth <= 0:
            return self._flag() if self.chance(0.3) else f"({self.atom()} {self.one_of(COMPARISONS)} {self.atom()})"
        return self.weighted(TRUTHS)(self, depth - 1)

    def truth_like(self, depth: int) -> str:
        """What only its truth counts of."""
        return self.integer(depth) if self.chance(0.15) else self.truth(depth)

    def _flag(self) -> str:
        makes: Makes = [lambda: self.one_of(("True", "False"))]
        for place in self.open_places():
            makes += [lambda p=place: f"{p}.flag", lambda p=place: f"{p}.flags[{self.index(2)}]"] * 2
        if self.own_self:
            makes.append(lambda: "self.config.strict")
        for page in self.locals_of(PAGE):
            makes.append(lambda p=page: f"({p} is {self.one_of(('', 'not '))}None)")
        return self.made(makes)

    def _comparison(self, depth: int) -> str:
        return f"({self.integer(depth)} {self.one_of(COMPARISONS)} {self.integer(depth)})"

    def _chain(self, depth: int) -> str:
        parts = [self.integer(depth) for _ in range(self.one_of((3, 3, 4)))]
        return "(" + "".join(f"{part} {self.one_of(COMPARISONS)} " for part in parts[:-1]) + f"{parts[-1]})"

    def _membership(self, depth: int) -> str:
        members = ", ".join(self.integer(depth - 1) for _ in range(self.one_of((2, 3))))
        return f"({self.integer(depth)} {self.one_of(('in', 'not in'))} ({members}))"

    def _enums_compared(self, depth: int) -> str:
        enum = self.one_of(ENUMS)
        return f"({self.member(enum, depth)} {self.one_of(COMPARISONS)} {self.member(enum, depth)})"

    def _both(self, depth: int) -> str:
        op = self.one_of(("and", "or"))
        return "(" + f" {op} ".join(self.truth(depth) for _ in range(self.one_of((2, 2, 3)))) + ")"

    def _not(self, depth: int) -> str:
        return f"(not {self.truth_like(depth)})"

    def _bits(self, depth: int) -> str:
        return f"({self.truth(depth)} {self.one_of('&|^')} {self.truth(depth)})"

    def _equal(self, depth: int) -> str:
        return f"({self.truth(depth)} {self.one_of(('==', '!='))} {self.truth(depth)})"

    def _converted(self, depth: int) -> str:
        return f"bool({self.truth_like(depth)})"

    def _chosen(self, depth: int) -> str:
        return f"({self.truth(depth)} if {self.truth_like(depth)} else {self.truth(depth)})"

    def _called(self, depth: int) -> str:
        return self.call([BOOL], depth) or self._flag()


def _members() -> list[str]:
    return [f"{enum}.{name}" for enum, members in ENUMS.items() for name in list(members)[:4]]


INTEGERS: Weighted[str] = [
    (20, Expressions._operation), (3, Expressions._unary), (3, Expressions._choice), (3, Expressions._extreme),
    (1, Expressions._absolute), (2, Expressions._of_truth), (1, Expressions._one_or_other), (1, Expressions._same),
    (3, Expressions._verb), (4, Expressions._call),
]  # fmt: skip
TRUTHS: Weighted[str] = [
    (8, Expressions._comparison), (2, Expressions._chain), (2, Expressions._membership), (2, Expressions._enums_compared),
    (5, Expressions._both), (3, Expressions._not), (1, Expressions._bits), (1, Expressions._equal),
    (1, Expressions._converted), (1, Expressions._chosen), (3, Expressions._called),
]  # fmt: skip

__all__ = ["COMPARISONS", "OPERATORS", "Expressions"]
