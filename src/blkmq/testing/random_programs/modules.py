# SPDX-License-Identifier: MIT
"""Whole random modules: a driver whose ``queue_rq`` calls one of many programs."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random

from blkmq.testing.random_programs.names import BOOL, HW_CTX, INT, PAGE, REQUEST, Helper
from blkmq.testing.random_programs.stage import PARAMETERS, aids_text, driver_text
from blkmq.testing.random_programs.statements import Statements

PROGRAMS_PER_MODULE = 40
NR_AIDS, NR_FUNCTIONS, NR_METHODS = 3, 3, 6
DEFAULTS = {INT: ("0", "-1", "EDGE", "7"), BOOL: ("True", "False"), "Level": ("Level.MID", "Level.LOW"), PAGE: ("None",)}
PARAMETER_NAMES = ("value", "first", "more", "other", "position", "amount")


@dataclass(frozen=True)
class Module:
    """Two source texts; the driver's imports the aids'."""

    seed: int
    number: int
    driver: str
    aids: str

    @property
    def name(self) -> str:
        return f"stage_{self.seed}_{self.number}"

    @property
    def aids_name(self) -> str:
        return f"aids_{self.seed}_{self.number}"


def numbers_of(module: int) -> range:
    """The programs that a module holds."""
    return range(module * PROGRAMS_PER_MODULE, (module + 1) * PROGRAMS_PER_MODULE)


def write_module(seed: int, number: int, numbers: Collection[int], attempts: dict[int, int] | None = None) -> Module:
    """The module ``number`` with these of its programs; a program is another one at each attempt."""
    names = f"aids_{seed}_{number}"
    random = Random(f"{seed}/module/{number}")
    helpers: list[Helper] = []
    aids = [_helper(random, f"aid_{i}", helpers) for i in range(NR_AIDS)]
    functions = [_helper(random, f"function_{i}", helpers) for i in range(NR_FUNCTIONS)]
    methods = [_helper(random, f"helper_{i}", helpers, method=True) for i in range(NR_METHODS)]
    programs = {n: _program(seed, n, (attempts or {}).get(n, 0), helpers) for n in numbers}
    return Module(seed, number, driver_text(names, functions, methods, programs), aids_text(aids))


def _helper(random: Random, name: str, helpers: list[Helper], *, method: bool = False) -> str:
    """Writes a function and adds it to the helpers that may be called from now on."""
    in_aids = name.startswith("aid_")
    returns = random.choices([INT, BOOL, "Level", "None", PAGE], [8, 3, 1, 3, 1 if method else 0])[0]
    writer = Statements(random, tuple(helpers), returns, own_self=method, in_aids=in_aids, calls_left=2)
    parameters = _parameters(writer, method)
    if method and writer.chance(0.3):
        writer.held = [writer.one_of(("self.lock", "self.shared.lock"))]
    needs = tuple(writer.held)
    lines = writer.body(random.randrange(2, 6))
    called = f"self.{name}" if method else name
    helpers.append(Helper(called, parameters, returns, frozenset(writer.takes), needs))
    spelled = [f"{p}: {kind}{f' = {default}' if default else ''}" for p, kind, default in parameters]
    head = f"def {name}({', '.join([*(['self'] if method else []), *spelled])}) -> {returns}:\n"
    text = head + "".join(f"{line}\n" for line in lines)
    return textwrap.indent(text, "    ") if method else text


def _parameters(writer: Statements, method: bool) -> tuple[tuple[str, str, str], ...]:
    parameters = []
    if writer.chance(0.4):
        parameters.append(("hctx", HW_CTX, ""))
    if writer.chance(0.3):
        parameters.append(("rq", REQUEST, ""))
    kinds = writer.random.choices([INT, BOOL, "Level", PAGE], [6, 2, 1, 1], k=writer.random.randrange(0, 4))
    defaulted = False
    for name, kind in zip(writer.random.sample(PARAMETER_NAMES, len(kinds)), kinds, strict=True):
        defaulted = defaulted or writer.chance(0.3)
        parameters.append((name, kind, writer.one_of(DEFAULTS[kind]) if defaulted else ""))
    for name, kind, _ in parameters:
        writer.kinds[name] = kind
        writer.learn(name)
    return tuple(parameters)


def _program(seed: int, number: int, attempt: int, helpers: Sequence[Helper]) -> str:
    random = Random(f"{seed}/{number}/{attempt}")
    writer = Statements(random, helpers, INT)
    writer.kinds = {"hctx": HW_CTX, "rq": REQUEST, "a": INT, "b": INT, "flag": BOOL, "level": "Level"}
    writer.learn(*writer.kinds)
    if writer.chance(0.5):
        writer.depth = 1
        writer.put("rq.start()")
    lines = writer.body(random.randrange(4, 13))
    text = f"def program_{number}(self, {PARAMETERS}) -> int:\n" + "".join(f"{line}\n" for line in lines)
    return textwrap.indent(text, "    ")
