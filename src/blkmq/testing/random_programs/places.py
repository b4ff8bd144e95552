# SPDX-License-Identifier: MIT
"""What a random expression reads: locals, constants, fields, bytes."""

from __future__ import annotations

from blkmq.testing.random_programs.names import (
    BOOL,
    EDGES,
    ENUMS,
    FLAGS,
    HW_CTX,
    INT,
    PAGE,
    REQUEST,
    SEGMENT,
    Makes,
    Names,
)
from blkmq.testing.random_programs.stage import CONFIG, CONSTANTS, PLACES, SIZES

ENUM_FIELDS = {"Level": "level", "Mode": "mode", "BlkStatus": "status"}
DISK_NUMBERS = ("self.disk.capacity_sectors", "self.disk.read_only", "self.tag_set.queue_depth")
FLAG_NAMES = ("FUA", "SYNC", "META", "FAILFAST_MASK")
REQUEST_NUMBERS = ("sector", "nr_sectors", "nr_bytes", "tag", "op", "flags", "hctx.queue_num", "hctx.data.wide")


class Places(Names):
    """Writes what can be read here."""

    def integer(self, depth: int = 3) -> str:
        """Any integer."""
        raise NotImplementedError

    # --- integers -------------------------------------------------------------------------------------------
    def simple(self) -> str:
        """A local or a constant."""
        if self.has(INT) and self.chance(0.6):
            return self.one_of(self.locals_of(INT))
        if self.chance(0.15):
            qualified = [] if self.in_aids else ["aids.LIMIT", "aids.DEEP"]
            members = [f"{enum}.{name}" for enum, members in ENUMS.items() for name in list(members)[:4]]
            return self.one_of([*CONSTANTS, "SECTOR_SHIFT", "PAGE_SIZE", *qualified, *members])
        if self.own_self and self.chance(0.1):
            return "self.STRIDE"
        value = self.random.randrange(-2, 18) if self.chance(0.6) else self.one_of(EDGES)
        if self.chance(0.2):
            value = -value
        return f"({value})" if value < 0 else self.one_of((str(value), str(value), f"{value:#x}", f"{value:_}"))

    def integer_place(self) -> str:
        """A field, or another value that is read from somewhere; "" if there is none here."""
        makes: Makes = []
        for place in self.open_places():
            makes += [lambda p=place: f"{p}.{self.one_of(SIZES)}", lambda p=place: f"{p}.words[{self.index(3)}]"]
            makes += [lambda p=place: f"{p}.bytes_[{self.index(4)}]", lambda p=place: f"len({p}.words)"]
        if self.own_self:
            makes.append(lambda: f"self.config.{self.one_of((*CONFIG, 'scale'))}")
            makes.append(lambda: self.one_of(DISK_NUMBERS))
        for rq in self.locals_of(REQUEST):
            makes += [lambda rq=rq: f"{rq}.{self.one_of(REQUEST_NUMBERS)}"] * 2
        if self.has(HW_CTX):
            makes.append(lambda: self.one_of(("hctx.queue_num", "hctx.type")))
        for segment in self.locals_of(SEGMENT):
            makes += [lambda s=segment: f"len({s})", lambda s=segment: f"{s}[{self.index(512)}]"]
        for page in self.locals_of(PAGE):
            makes += [lambda p=page: f"{p}[{self.index(4096)}]", lambda p=page: f"len({p})"]
        return self.made(makes)

    def open_places(self) -> list[str]:
        """Records whose fields may be touched here."""
        places = [p for p, lock in PLACES.items() if self.reachable(p) and (not lock or lock in self.held)]
        others = [rq for rq in self.locals_of(REQUEST) if rq != "rq"]
        return [*places, f"{self.one_of(others)}.pdu"] if others and self.chance(0.3) else places

    def index(self, length: int) -> str:
        """An index, most of the time within ``length``, and now and then right behind its ends."""
        form = self.weighted([(12, "constant"), (8, "inside"), (2, "first"), (2, "last"), (1, "any"), (1, "deep")])
        match form:
            case "constant":
                return str(self.random.randrange(length))
            case "first":
                return f"({self.index_value()} % 2 - 1)"
            case "last":
                return f"({self.index_value()} % 2 + {length - 1})"
            case "inside":
                return f"({self.index_value()} % {length})"
            case "deep" if not self.nested:
                self.nested = True
                value = f"({self.integer(1)} % {length})"
                self.nested = False
                return value
        return self.index_value()

    def index_value(self) -> str:
        """What an index is made of, short as it is."""
        if self.chance(0.6):
            return self.simple()
        return f"({self.simple()} {self.one_of(('+', '-', '^', '>>', '&'))} {self.simple()})"

    def map_index(self) -> str:
        """An index of a sparse array: small ones meet more often."""
        value = self.index_value()
        return f"({value} & {self.one_of((3, 63, 127))})" if self.chance(0.75) else value

    # --- the others -----------------------------------------------------------------------------------------
    def flag(self) -> str:
        """A bool that lies somewhere, or a constant."""
        makes: Makes = [lambda: self.one_of(("True", "False"))]
        for place in self.open_places():
            makes += [lambda p=place: f"{p}.flag", lambda p=place: f"{p}.flags[{self.index(2)}]"] * 2
        if self.own_self:
            makes.append(lambda: "self.config.strict")
        if "hctx.data.lock" in self.held:
            makes += [lambda: "hctx.data.waiting.empty()"] * 2
        for handle in (*self.locals_of(PAGE), *self.locals_of(REQUEST)):
            makes.append(lambda h=handle: f"({h} is {self.one_of(('', 'not '))}None)")
        if self.has(BOOL):
            makes += [lambda: self.one_of(self.locals_of(BOOL))] * 2
        return self.made(makes)

    def member_place(self, enum: str) -> str:
        """A field with a member of an enum, or a constant."""
        places = self.open_places()
        if not places or self.chance(0.5):
            return f"{enum}.{self.one_of(ENUMS[enum])}"
        if enum == "Level" and self.chance(0.4):
            return f"{self.one_of(places)}.levels[{self.index(2)}]"
        return f"{self.one_of(places)}.{ENUM_FIELDS[enum]}"

    def request_flags(self, depth: int = 1) -> str:
        """A set of flags of a request."""
        choices = [f"ReqFlag.{self.one_of(FLAG_NAMES)}", *self.locals_of(FLAGS), *self.locals_of(FLAGS)]
        choices += [f"{rq}.flags" for rq in self.locals_of(REQUEST)]
        choices += [f"{place}.marks" for place in self.open_places()]
        if depth > 0 and self.chance(0.1):
            return f"ReqFlag({self.integer(1)} {self.one_of(('', '& 0x1F00', '& ReqFlag.FUA'))})"
        if depth > 0 and self.chance(0.5):
            return f"({self.request_flags(depth - 1)} {self.one_of('&|^')} {self.request_flags(depth - 1)})"
        return self.one_of(choices)
