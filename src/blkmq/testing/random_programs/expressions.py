# SPDX-License-Identifier: MIT
"""Random expressions: integers, conditions, enum members, pages."""

from __future__ import annotations

from collections.abc import Sequence

from blkmq.testing.random_programs.names import (
    BOOL,
    ENUMS,
    FLAGS,
    HW_CTX,
    INT,
    PAGE,
    REQUEST,
    SEGMENT,
    Helper,
    Makes,
    Weighted,
)
from blkmq.testing.random_programs.places import Places
from blkmq.testing.random_programs.stage import ATOMICS, XARRAYS

OPERATORS = [(5, "+"), (5, "-"), (2, "*"), (3, "//"), (3, "%"), (1, "<<"), (3, ">>"), (4, "&"), (2, "|"), (2, "^")]
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")


class Expressions(Places):
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
        return self.integer_place() or self.simple()

    def gap(self) -> str:
        """Between two parts of what stands in parentheses: now and then a new line."""
        return "\n            " if self.chance(0.03) else " "

    def operation(self, depth: int) -> str:
        """The result of an operator, an integer and nothing else."""
        op = self.weighted(OPERATORS)
        left = self.integer(depth)
        if op in ("//", "%"):
            right = self.divisor(depth)
        elif op in ("<<", ">>"):
            right = self.shift_count(depth)
        else:
            right = self.integer(depth)
        return f"({left} {op}{self.gap()}{right})"

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

    def _flags_as_number(self, depth: int) -> str:
        return self.one_of(("{}", "(~{})", "(-{})")).format(self.request_flags())

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
        if "rq" in (self.known or ()):
            makes.append(lambda: self.one_of(("int(rq.pdu.timer.cancel())", "int(rq.pdu.work.queue(rq))")))
        for segment in self.locals_of(SEGMENT):
            makes += [lambda s=segment: f"{s}.zero({self.index(512)})"] * 2
            if self.can_have_page():
                makes += [
                    lambda s=segment: f"{s}.copy_to_page({self.page()}, {self.index(4096)})",
                    lambda s=segment: f"{s}.copy_from_page({self.page()}, {self.index(4096)}, {self.index(600)})",
                ] * 2
        return self.made(makes)

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
        return f",{self.gap()}".join([*given, *by_keyword])

    def value(self, kind: str, depth: int = 2) -> str:
        """A value of any kind."""
        if kind == INT:
            return self.truth(depth) if self.chance(0.05) else self.integer(depth)
        if kind == BOOL:
            return self.truth(depth)
        if kind == PAGE:
            return self.page()
        if kind == FLAGS:
            return self.request_flags()
        if kind == REQUEST:
            return self.request() if self.chance(0.3) or not self.has(kind) else self.one_of(self.locals_of(kind))
        if kind == HW_CTX:
            return self.one_of(self.locals_of(kind))
        return self.member(kind, depth)

    # --- enums and handles ----------------------------------------------------------------------------------
    def member(self, enum: str, depth: int = 2) -> str:
        """A value of an enum."""
        local = self.locals_of(enum)
        if local and self.chance(0.4):
            return self.one_of(local)
        if depth > 0 and self.chance(0.25):
            form = self.weighted([(3, self.member_place(enum)), (1, "({} % 4)"), (1, "{}")])
            return f"{enum}({form.format(self.integer(1)) if '{' in form else form})"
        if depth > 0 and self.chance(0.1):
            return f"({self.member(enum, 0)} if {self.truth_like(depth - 1)} else {self.member(enum, 0)})"
        return (self.call([enum], 1) if depth > 0 and self.chance(0.2) else "") or self.member_place(enum)

    def can_have_page(self) -> bool:
        """Whether :meth:`page` has more to offer than a literal None, which a verb does not take."""
        return self.own_self or bool(self.locals_of(PAGE))

    def page(self) -> str:
        """A page, which may be None."""
        local = self.locals_of(PAGE)
        if local and self.chance(0.1):
            return f"({self.one_of((*local, 'None'))} if {self.truth_like(1)} else {self.one_of(local)})"
        if (local and self.chance(0.8)) or not self.own_self:
            return self.one_of(local) if local else "None"
        return f"self.store.{self.one_of(('get', 'get_or_alloc'))}({self.map_index()})"

    def request(self) -> str:
        """A request, which may be None."""
        choices = ["None", *self.locals_of(REQUEST) * 2]
        if "rq" in (self.known or ()):
            choices += ["rq.pdu.kept", "rq.pdu.other"]
        if self.own_self and self.has(HW_CTX):
            choices.append(f"self.tag_set.tag_to_rq(hctx, {self.index(4)})")
        if "hctx.data.lock" in self.held:
            choices += ["hctx.data.waiting.pop()"] * 3
        return self.one_of(choices)

    # --- conditions -----------------------------------------------------------------------------------------
    def truth(self, depth: int = 2) -> str:
        """A bool."""
        if self.has(BOOL) and self.chance(0.2):
            return self.one_of(self.locals_of(BOOL))
        if depth <= 0:
            return self.flag() if self.chance(0.3) else f"({self.atom()} {self.one_of(COMPARISONS)} {self.atom()})"
        return self.weighted(TRUTHS)(self, depth - 1)

    def truth_like(self, depth: int) -> str:
        """What only its truth counts of."""
        return self.integer(depth) if self.chance(0.15) else self.truth(depth)

    def _comparison(self, depth: int) -> str:
        return f"({self.integer(depth)} {self.one_of(COMPARISONS)}{self.gap()}{self.integer(depth)})"

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
        return "(" + f" {op}{self.gap()}".join(self.truth(depth) for _ in range(self.one_of((2, 2, 3)))) + ")"

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
        return self.call([BOOL], depth) or self.flag()


INTEGERS: Weighted[str] = [
    (20, Expressions.operation), (3, Expressions._unary), (3, Expressions._choice), (3, Expressions._extreme),
    (1, Expressions._flags_as_number), (1, Expressions._absolute), (2, Expressions._of_truth), (1, Expressions._one_or_other), (1, Expressions._same),
    (3, Expressions._verb), (4, Expressions._call),
]  # fmt: skip
TRUTHS: Weighted[str] = [
    (8, Expressions._comparison), (2, Expressions._chain), (2, Expressions._membership), (2, Expressions._enums_compared),
    (5, Expressions._both), (3, Expressions._not), (1, Expressions._bits), (1, Expressions._equal),
    (1, Expressions._converted), (1, Expressions._chosen), (3, Expressions._called),
]  # fmt: skip

__all__ = ["COMPARISONS", "OPERATORS", "Expressions"]
