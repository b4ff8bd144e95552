# SPDX-License-Identifier: MIT
"""Random statements and the bodies of functions."""

from __future__ import annotations

from collections.abc import Callable

from blkmq.mq import integer as integers
from blkmq.mq.integer import sized
from blkmq.testing.random_programs.expressions import COMPARISONS, OPERATORS, Expressions
from blkmq.testing.random_programs.names import BOOL, ENUMS, HW_CTX, INT, PAGE, REQUEST, SEGMENT, Makes
from blkmq.testing.random_programs.stage import ARRAYS, ATOMICS, LOCKS, OTHERS, SIZES, XARRAYS

MAXIMUM = {name: sized(getattr(integers, name)).maximum for name in SIZES.values()}
FALLTHROUGH = 0.5  #: how often an if has an else


class Statements(Expressions):
    """Writes statements into ``lines``."""

    def put(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    # --- blocks ---------------------------------------------------------------------------------------------
    def body(self, budget: int) -> list[str]:
        """The statements of a whole function, the last one a return if it has to be."""
        self.budget = budget
        self.depth = 1
        while self.budget > 0 and self.known is not None:
            self.statement()
        if self.known is not None and self.returns == INT and self.chance(0.6):
            self.return_everything()
        elif self.known is not None and (self.returns != "None" or not self.lines):
            self.return_()
        return self.lines

    def block(self, *learned: str) -> set[str] | None:
        """An indented block that begins with a copy of what is known; what is known at its end."""
        before = self.known
        self.known = set(before or ()) | set(learned)
        self.depth += 1
        start = len(self.lines)
        for _ in range(self.weighted([(3, 1), (3, 2), (2, 3)])):
            if self.known is not None and (self.budget > 0 or len(self.lines) == start):
                self.statement()
        if len(self.lines) == start:
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

    # --- simple ones ----------------------------------------------------------------------------------------
    def assign(self) -> bool:
        kind = self.weighted([(9, INT), (3, BOOL), (1, "Level"), (1, "Mode"), (1, "BlkStatus"), (2, PAGE)])
        if kind == PAGE and not (self.own_self or self.has(PAGE)):
            return False
        value = self.value(kind, self.one_of((1, 2, 3, 3)))
        fresh = len(self.kinds)
        target = self.target(kind)
        annotation = f": {kind}" if len(self.kinds) > fresh and (kind == PAGE or self.chance(0.1)) else ""
        self.put(f"{target}{annotation} = {value}")
        self.learn(target)
        return True

    def augment(self) -> bool:
        names = [name for name in self.locals_of(INT) if name not in self.counts]
        if not names:
            return False
        self.put(f"{self.one_of(names)} {self._augmented(2)}")
        return True

    def _augmented(self, depth: int) -> str:
        op = self.weighted(OPERATORS)
        if op in ("//", "%"):
            return f"{op}= {self.divisor(depth)}"
        return f"{op}= {self.shift_count(depth) if op in ('<<', '>>') else self.integer(depth)}"

    def store(self) -> bool:
        places = self.open_places()
        if not places:
            return False
        place = self.one_of(places)
        name, size = self.one_of((SIZES | OTHERS).items())
        if self.chance(0.4):
            name, (size, length) = self.one_of(ARRAYS.items())
            name += f"[{self.index(length)}]"
        if size in SIZES.values() and self.chance(0.35):
            self.put(f"{place}.{name} {self._augmented(1)}")
        elif size in SIZES.values():
            self.put(f"{place}.{name} = {self._fitting(MAXIMUM[size])}")
        else:
            self.put(f"{place}.{name} = {self.value(size)}")
        return True

    def _fitting(self, maximum: int) -> str:
        """A value that a size with this maximum takes, most of the time."""
        form = self.weighted([(4, "mask"), (1, "modulo"), (5, "any")])
        if form == "any":
            return self.value(INT)
        if form == "mask":
            return f"{self.integer(2)} & {maximum if maximum < 1 << 62 else 'MASK'}"
        return f"{self.integer(2)} % {min(maximum, 100)}"

    def byte(self) -> bool:
        holders = [*self.locals_of(PAGE), *self.locals_of(SEGMENT)]
        if not holders:
            return False
        place = f"{self.one_of(holders)}[{self.index(512)}]"
        self.put(f"{place} {self._augmented(1)}" if self.chance(0.3) else f"{place} = {self._fitting(255)}")
        return True

    def verb(self) -> bool:
        """A verb for its effect."""
        makes: Makes = [lambda a=a: f"{a}.store({self.integer(2)})" for a in ATOMICS if self.reachable(a)]
        for array in filter(self.reachable, XARRAYS):
            makes.append(lambda a=array: f"{a}.store({self.map_index()}, {self._fitting(1 << 30)})")
        if self.own_self:
            makes.append(lambda: f"self.bad.{self.one_of(('set', 'clear'))}({self.map_index()}, {self.map_index()})")
            makes.append(lambda: f"self.store.erase({self.map_index()})")
        for page in self.locals_of(PAGE):
            makes += [lambda p=page: f"{p}.zero({self.index(4096)}, {self.index(4096)})"] * 2
        for segment in self.locals_of(SEGMENT):
            makes += [
                lambda s=segment: f"{s}.advance({self.index(64)})",
                lambda s=segment: f"{s}.zero({self.index(512)})",
            ]
        if "hctx.data.lock" in self.held and self.has(REQUEST):
            makes += [lambda: f"hctx.data.waiting.add_tail({self.one_of(self.locals_of(REQUEST))})"] * 3
        text = self.made(makes)
        if text:
            self.put(text)
        return bool(text)

    def request_verb(self) -> bool:
        """One step of a request's life, allowed or not."""
        requests = self.locals_of(REQUEST)
        if not requests:
            return False
        forms = ("start()", "end()", "end({})", "end({})", "complete()", "requeue()", "requeue(kick=False)", "update({}, {})")
        form = self.one_of(forms)
        self.put(f"{self.one_of(requests)}.{form.format(self.member('BlkStatus', 1), self.one_of((0, 512, 1024, 100)))}")
        return True

    def keep(self) -> bool:
        """A request in a field, or out of it."""
        if "rq" not in (self.known or ()):
            return False
        kept = f"rq.pdu.{self.one_of(('kept', 'other'))}"
        if self.chance(0.5):
            self.put(f"{kept} = {self.one_of(['None', *self.locals_of(REQUEST)])}")
        else:
            sources = [kept]
            if self.own_self and self.has(HW_CTX):
                sources.append(f"self.tag_set.tag_to_rq(hctx, {self.index(4)})")
            if "hctx.data.lock" in self.held:
                sources += ["hctx.data.waiting.pop()"] * 3
            name = self.target(REQUEST)
            if name == "rq":
                return False
            self.put(f"{name} = {self.one_of(sources)}")
            self.learn(name)
            if self.chance(0.6):
                self.put(f"if {name} is None:")
                self.depth += 1
                self.return_()
                self.depth -= 1
        return True

    def call_statement(self) -> bool:
        text = self.call(["None", INT, BOOL, PAGE, *ENUMS], 2)
        if text:
            self.put(text)
        return bool(text)

    def assert_(self) -> bool:
        message = ', "must hold"' if self.chance(0.3) else ""
        self.put(
            f"assert {self.truth(2)} or {self.truth(1)}{message}" if self.chance(0.7) else f"assert {self.truth(2)}"
        )
        return True

    def return_(self) -> bool:
        value = "" if self.returns == "None" else f" {self.value(self.returns)}"
        self.put(f"return{value}")
        return True

    def return_everything(self) -> None:
        """Lets the result tell of every integer and bool."""
        terms = [*self.locals_of(INT), *(f"int({name})" for name in self.locals_of(BOOL)), *self.locals_of("Level")]
        self.put(f"return {' ^ '.join(terms) or self.value(INT)}")

    def leave(self) -> bool:
        """return, break or continue: what follows in this block is not reachable."""
        if self.depth == 1:
            return False
        word = self.weighted([(2, "return"), (3, "break"), (3, "continue")]) if self.loops else "return"
        if word == "return":
            self.return_()
        else:
            self.put(word)
        self.known = None
        return True

    # --- compound ones --------------------------------------------------------------------------------------
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
        if kind == "page" and self.has(PAGE):
            return self.one_of(self.locals_of(PAGE)), set(), set()
        return (self.integer(2) if kind == "integer" else self.truth(2)), set(), set()

    def _walrus(self) -> tuple[str, set[str], set[str]]:
        value, name, op = self.integer(2), self.target(INT), self.one_of(COMPARISONS)
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
        if self.chance(FALLTHROUGH):
            self.put("else:")
            ends.append(self.block(*known))
        else:
            ends.append(known)
        reached = [end for end in ends if end is not None]
        self.known = set.intersection(*reached) if reached else None
        return True

    def _loop(self, *learned: str) -> None:
        self.loops.append(len(self.held))
        self.block(*learned)
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
            self.counts.add(name)
            self.put(f"while {name} > 0:" if self.chance(0.7) else f"while {name} > 0 and {self.truth(2)}:")
            self.depth += 1
            self.put(f"{name} -= 1")
            self.depth -= 1
        else:
            self.put(f"{name} = {self.random.randrange(2, 9)}")
            self.learn(name)
            self.counts.add(name)
            self.put(f"while ({name} := {name} - 1) >= {self.one_of((0, 1))}:")
        self._loop(name)
        return True

    def while_(self) -> bool:
        """A while loop that may not end."""
        endless = self.chance(0.3)
        test, when_true, when_false = ("True", set(), set()) if endless else self.condition()
        self.put(f"while {test}:")
        self.depth += 1
        self.put(f"if {self.truth(2)}:")
        self.depth += 1
        self.put("break")
        self.depth -= 2
        self._loop(*when_true)
        return True

    def each_segment(self) -> bool:
        requests = self.locals_of(REQUEST)
        names = [n for n in ("segment", "piece") if n not in (self.known or ())]
        if not requests or not names:
            return False
        name = self.one_of(names)
        self.kinds[name] = SEGMENT
        self.put(f"for {name} in {self.one_of(requests)}.segments():")
        if self.chance(0.3):
            self.depth += 1
            self.put(f"while {self.one_of((name, f'len({name}) > 0'))}:")
            self._loop(name)
            self.depth -= 1
        else:
            self._loop(name)
        return True

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
        self.known = self.block()
        self.held.pop()
        return True


Write = Callable[[Statements], bool]
SIMPLE: list[tuple[int, Write]] = [
    (12, Statements.assign), (6, Statements.augment), (7, Statements.store), (2, Statements.byte), (3, Statements.verb),
    (2, Statements.request_verb), (1, Statements.keep), (3, Statements.call_statement), (1, Statements.assert_),
    (3, Statements.leave),
]  # fmt: skip
COMPOUND: list[tuple[int, Write]] = [
    (9, Statements.if_), (5, Statements.for_range), (2, Statements.counted_while), (2, Statements.while_),
    (3, Statements.each_segment), (5, Statements.locked),
]  # fmt: skip
