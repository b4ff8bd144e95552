# SPDX-License-Identifier: MIT
"""Random statements that hold no others."""

from __future__ import annotations

from collections.abc import Callable

from blkmq.mq import integer as integers
from blkmq.mq.integer import sized
from blkmq.testing.random_programs.expressions import OPERATORS, Expressions
from blkmq.testing.random_programs.names import BOOL, ENUMS, FLAGS, INT, PAGE, REQUEST, SEGMENT, Makes
from blkmq.testing.random_programs.stage import ARRAYS, ATOMICS, OTHERS, SIZES, XARRAYS

MAXIMUM = {name: size.maximum for name in SIZES.values() if (size := sized(getattr(integers, name)))}
LOCAL_KINDS = [(9, INT), (3, BOOL), (1, "Level"), (1, "Mode"), (1, "BlkStatus"), (1, FLAGS), (2, PAGE), (1, REQUEST)]


class Simple(Expressions):
    """Writes statements into ``lines``; each says whether it found something to write."""

    def put(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    # --- assignments ----------------------------------------------------------------------------------------
    def assign(self) -> bool:
        """A local of any kind."""
        kind = self.weighted(LOCAL_KINDS)
        if kind == PAGE and not (self.own_self or self.has(PAGE)):
            return False
        value = self.value(kind, self.one_of((1, 2, 3, 3)))
        before = len(self.kinds)
        target = self.target(kind)
        is_new = len(self.kinds) > before
        if is_new and kind == INT and self.chance(0.5):
            value = self.operation(2)  # surely no bool or enum, which would be the local's type for ever
        elif is_new and kind in (INT, FLAGS, PAGE, REQUEST):
            target += f": {kind}"
        self.put(f"{target} = {value}")
        self.learn(target.partition(":")[0])
        return True

    def augment(self) -> bool:
        names = [name for name in self.locals_of(INT) if name not in self.fixed]
        if not names:
            return False
        self.put(f"{self.one_of(names)} {self._augmented(2)}")
        return True

    def _augmented(self, depth: int) -> str:
        op = self.weighted(OPERATORS)
        if op in ("//", "%"):
            return f"{op}= {self.divisor(depth)}"
        return f"{op}= {self.shift_count(depth) if op in ('<<', '>>') else self.integer(depth)}"

    def store(self, place: str = "") -> bool:
        """A field of a record, any or this one."""
        places = [place] if place else self.open_places()
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

    def byte(self, holder: str = "") -> bool:
        """A byte of a page or segment, any or this one."""
        holders = [holder] if holder else [*self.locals_of(PAGE), *self.locals_of(SEGMENT)]
        if not holders:
            return False
        place = f"{self.one_of(holders)}[{self.index(512)}]"
        self.put(f"{place} {self._augmented(1)}" if self.chance(0.3) else f"{place} = {self._fitting(255)}")
        return True

    def page_verbs(self) -> bool:
        """A page, and something done with it."""
        if not self.own_self:
            return False
        page = self.target(PAGE)
        self.put(f"{page} = self.store.{self.one_of(('get', 'get_or_alloc', 'get_or_alloc'))}({self.map_index()})")
        self.learn(page)
        if self.chance(0.6):
            self.put(f"{page}.zero({self.index(4096)}, {self.index(4096)})")
        return self.chance(0.3) or self.byte(page)

    def segment_verbs(self, segment: str) -> None:
        """Something done with a segment."""
        forms = ["zero({})", "zero()", "advance({})"]
        if self.can_have_page():
            forms += ["copy_to_page({page}, {})", "copy_from_page({page}, {}, {})"]
        form = self.one_of(forms)
        self.put(f"{segment}.{form.format(self.index(512), self.index(600), page=self.page())}")
        if self.chance(0.5):
            self.byte(segment)

    def verb(self) -> bool:
        """A verb for its effect."""
        makes: Makes = [lambda a=a: f"{a}.store({self.integer(2)})" for a in ATOMICS if self.reachable(a)]
        for array in filter(self.reachable, XARRAYS):
            makes.append(lambda a=array: f"{a}.store({self.map_index()}, {self._fitting(1 << 30)})")
        if self.own_self:
            makes.append(lambda: f"self.bad.{self.one_of(('set', 'clear'))}({self.map_index()}, {self.map_index()})")
            makes.append(lambda: f"self.store.erase({self.map_index()})")
            makes.append(lambda: f"self.disk.set_capacity({self.integer(1)})")
            makes.append(lambda: f"self.disk.set_read_only({self.truth(1)})")
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
        forms = ["start()", "end()", "end({status})", "complete()", "requeue()", "requeue(kick=False)",
                 "update({status}, {nr_bytes})", "pdu.timer.start({nsec}, {rq})"]  # fmt: skip
        rq, form = self.one_of(requests), self.one_of(forms)
        status, nr_bytes = self.member("BlkStatus", 1), self.one_of((0, 512, 1024, 100))
        self.put(f"{rq}.{form.format(status=status, nr_bytes=nr_bytes, nsec=self.integer(1), rq=rq)}")
        return True

    def keep(self) -> bool:
        """A request in a field."""
        if "rq" not in (self.known or ()):
            return False
        self.put(f"rq.pdu.{self.one_of(('kept', 'other'))} = {self.request()}")
        return True

    def return_if_absent(self) -> bool:
        """What a driver does with a page or request that may be None."""
        handles = [*self.locals_of(PAGE), *self.locals_of(REQUEST)]
        if not handles:
            return False
        self.put(f"if {self.one_of(handles)} is None:")
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


SIMPLE: list[tuple[int, Callable[[Simple], bool]]] = [
    (12, Simple.assign), (6, Simple.augment), (7, Simple.store), (2, Simple.byte), (2, Simple.page_verbs),
    (3, Simple.verb), (2, Simple.request_verb), (1, Simple.keep), (1, Simple.return_if_absent),
    (3, Simple.call_statement), (1, Simple.assert_), (5, Simple.leave),
]  # fmt: skip
