# SPDX-License-Identifier: MIT
"""Random statements that hold others, and the bodies of functions."""

from __future__ import annotations

from collections.abc import Callable

from blkmq.testing.random_programs.expressions import COMPARISONS
from blkmq.testing.random_programs.names import INT, PAGE, REQUEST, SEGMENT
from blkmq.testing.random_programs.simple import SIMPLE, Simple
from blkmq.testing.random_programs.stage import LOCKS, PLACES


class Statements(Simple):
    """Writes whole functions."""

    # --- blocks ---------------------------------------------------------------------------------------------
    def body(self, budget: int) -> list[str]:
        """The statements of a whole function, the last one a return if it has to be."""
        self.budget = budget
        self.depth = 1
        if self.chance(0.1):
            self.put(self.one_of(('"""Does this and that."""', "...", "pass")))
        while self.budget > 0 and self.known is not None:
            self.statement()
        if self.known is not None and self.returns == INT and self.chance(0.6):
            self.return_everything()
        elif self.known is not None and (self.returns != "None" or not self.lines):
            self.return_()
        return self.lines

    def block(self, *learned: str, first: Callable[[], object] | None = None) -> set[str] | None:
        """An indented block that begins with a copy of what is known; what is known at its end."""
        before = self.known
        self.known = set(before or ()) | set(learned)
        self.depth += 1
        start = len(self.lines)
        if first and self.chance(0.7):
            first()
        for _ in range(self.weighted([(5, 1), (3, 2), (1, 3)])):
            if self.known is not None and (self.budget > 0 or len(self.lines) == start):
                self.statement()
        if len(self.lines) == start:  # there was nothing that could be assigned
            self.put("pass")
        self.depth -= 1
        after, self.known = self.known, before
        return after

    def statement(self) -> None:
        """One statement, compound or not."""
        self.budget -= 1
        deep = self.depth > 3
        for _ in range(9):
            if self.weighted(SIMPLE if deep or self.chance(0.62) else COMPOUND)(self):
                return
        self.assign()

    # --- conditions and branches ----------------------------------------------------------------------------
    def condition(self, depth: int = 2) -> tuple[str, set[str], set[str]]:
        """A condition, and the locals that it has assigned where it holds and where it does not."""
        kind = self.weighted([(10, "truth"), (2, "integer"), (1, "page"), (6, "walrus"), (3, "both"), (1, "not")])
        if kind == "walrus" and depth > 0:
            return self._walrus()
        if kind == "both" and depth > 0:
            op = self.one_of(("and", "or"))
            one, one_true, one_false = self.condition(depth - 1)
            before, self.known = self.known, set(self.known or ()) | (one_true if op == "and" else one_false)
            other, other_true, other_false = self.condition(depth - 1)
            self.known = before
            if op == "and":
                return f"({one} and {other})", one_true | other_true, one_false
            return f"({one} or {other})", one_true, one_false | other_false
        if kind == "not" and depth > 0:
            text, when_true, when_false = self.condition(depth - 1)
            return f"(not {text})", when_false, when_true
        if kind == "page" and (handles := [*self.locals_of(PAGE), *self.locals_of(REQUEST)]):
            return self.one_of(handles), set(), set()
        return (self.integer(2) if kind == "integer" else self.truth(2)), set(), set()

    def _walrus(self) -> tuple[str, set[str], set[str]]:
        value, name, op = self.operation(1), self.target(INT), self.one_of(COMPARISONS)
        if name in (self.known or ()) and self.chance(0.5):  # its value before and behind
            near = f"({name} {self.one_of('+-')} {self.random.randrange(1, 9)})"
            value = self.one_of((near, value))
            last = self.one_of(("", f" {self.one_of(COMPARISONS)} {self.simple()}"))
            return f"(({name} {self.one_of('+-^')} {self.simple()}) {op} ({name} := {value}){last})", {name}, {name}
        before, self.known = self.known, set(self.known or ()) | {name}
        other = self.integer(1)
        self.known = before
        walrus = f"({name} := {value})"
        return f"({self.one_of((walrus, f'{walrus} {op} {other}'))})", {name}, {name}

    def if_(self) -> bool:
        test, when_true, when_false = self.condition()
        self.put(f"if {test}:")
        ends = [self.block(*when_true)]
        known = set(self.known or ()) | when_false
        while self.chance(0.2):
            before, self.known = self.known, known
            test, when_true, when_false = self.condition()
            self.put(f"elif {test}:")
            ends.append(self.block(*when_true))
            self.known, known = before, known | when_false
        if self.chance(0.5):
            self.put("else:")
            ends.append(self.block(*known))
        else:
            ends.append(known)
        reached = [end for end in ends if end is not None]
        self.known = set.intersection(*reached) if reached else None
        return True

    def _loop(self, *learned: str, first: Callable[[], object] | None = None) -> None:
        self.loops.append(len(self.held))
        self.block(*learned, first=first)
        self.loops.pop()

    def for_range(self) -> bool:
        bound, start = self._bound(), self._bound()
        step = self.one_of((1, 2, 3, -1, -1, -2, 64, 1 << 62, -(1 << 62), "LIMIT", "ODD"))
        form = self.one_of(("stop", "start", "step", "step", "edge"))
        if form == "edge":
            start, bound = ("EDGE - 3", "EDGE") if self.chance(0.5) else ("DEEP + 3", "DEEP")
            step = 1 if start.startswith("EDGE") and self.chance(0.5) else self.one_of((2, -1, -2, 1))
        arguments = {"stop": bound, "start": f"{start}, {bound}"}.get(form, f"{start}, {bound}, {step}")
        name = self.target(INT)
        self.put(f"for {name} in range({arguments}):")
        self._loop(name)
        return True

    def _bound(self) -> str:
        form = self.weighted([(4, "constant"), (5, "small"), (1, "any")])
        if form == "constant":
            return str(self.random.randrange(-3, 9))
        return f"({self.integer(1)} & {self.one_of((3, 7, 15))})" if form == "small" else self.integer(1)

    def counted_while(self) -> bool:
        """A while loop that ends by itself."""
        name = self.fresh(INT)
        if self.chance(0.5):
            self.put(f"{name} = {self.random.randrange(7)}")
            self.learn(name)
            self.fixed.add(name)
            self.put(f"while {name} > 0:" if self.chance(0.7) else f"while {name} > 0 and {self.truth(2)}:")
            self.depth += 1
            self.put(f"{name} -= 1")
            self.depth -= 1
        else:
            self.put(f"{name} = {self.random.randrange(2, 9)}")
            self.learn(name)
            self.fixed.add(name)
            self.put(f"while ({name} := {name} - 1) >= {self.one_of((0, 1))}:")
        self._loop(name)
        return True

    def while_(self) -> bool:
        """A while loop that may not end."""
        if not self.may_hang:
            return False
        endless = self.chance(0.3)
        test, when_true, _ = ("True", set(), set()) if endless else self.condition()
        self.put(f"while {test}:")
        self.depth += 1
        self.put(f"if {self.truth(2)}:")
        self.depth += 1
        self.put("break")
        self.depth -= 2
        self._loop(*when_true)
        return True

    def each_segment(self) -> bool:
        names = [n for n in ("segment", "piece") if n not in (self.known or ())]
        requests = self.locals_of(REQUEST)
        if not requests or not names:
            return False
        name = self.one_of(names)
        self.kinds[name] = SEGMENT
        self.put(f"for {name} in {self.one_of(requests)}.segments():")
        inner = self.chance(0.3)
        if inner:
            self.depth += 1
            self.put(f"while {self.one_of((name, f'len({name}) > 0'))}:")
        self._loop(name, first=lambda: self.segment_verbs(name))
        self.depth -= inner
        return True

    def listed(self) -> None:
        """Something done with the list of requests, if its lock is held."""
        if "hctx.data.lock" in self.held and self.has(REQUEST):
            rq = self.one_of(self.locals_of(REQUEST))
            self.put(self.one_of((f"hctx.data.waiting.add_tail({rq})", "hctx.data.waiting.pop()")))

    def locked(self) -> bool:
        locks = [lock for lock in LOCKS if self.may_take([lock]) and self.reachable(lock)]
        if not locks:
            return False
        lock = self.one_of(locks)
        self.held.append(lock)
        self.takes.add(lock)
        self.put(f"with {lock}:")
        if self.chance(0.3):
            self.depth += 1
            self.put(f"if {self.truth(1)}:")
            self.depth += 1
            self.return_()
            self.depth -= 2
        guarded = [place for place, guard in PLACES.items() if guard == lock]
        self.known = self.block(first=lambda: self.store(guarded[0]) if guarded else self.listed())
        self.held.pop()
        return True


COMPOUND: list[tuple[int, Callable[[Statements], bool]]] = [
    (9, Statements.if_), (5, Statements.for_range), (2, Statements.counted_while), (2, Statements.while_),
    (4, Statements.each_segment), (6, Statements.locked),
]  # fmt: skip
