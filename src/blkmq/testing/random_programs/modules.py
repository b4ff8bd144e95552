# SPDX-License-Identifier: MIT
"""Whole random modules: a driver whose ``queue_rq`` calls one of many programs."""

from __future__ import annotations

import ast
import textwrap
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from random import Random

from blkmq.compiler.frontend.refused import Refusal, Refused
from blkmq.compiler.frontend.translate import translate
from blkmq.testing.random_programs.loading import Module, loaded
from blkmq.testing.random_programs.names import BOOL, HW_CTX, INT, PAGE, REQUEST, Helper
from blkmq.testing.random_programs.stage import PARAMETERS, aids_text, driver_text
from blkmq.testing.random_programs.statements import Statements

PROGRAMS_PER_MODULE = 84
CONSTANTS_REFUSED = (
    "overflow",
    "index",
    "zero-division",
    "shift",
    "enum-member",
)  #: for what is computed while compiling
STAGE_HELPERS = (
    Helper("self.blend", (("one", INT, ""), ("other", INT, "3")), INT),
    Helper("self.shared.weigh", (("value", INT, ""), ("twice", BOOL, "False")), INT),
)
PROGRAM_STATEMENTS = (1, 1, 2, 2, 3, 3, 4, 7)  #: short ones meet more bugs in a second of compiling
HELPER_STATEMENTS = (1, 1, 2, 3)
NR_HELPERS = {"aid": 2, "function": 2, "method": 4}
DEFAULTS = {
    INT: ("0", "-1", "EDGE", "7"),
    BOOL: ("True", "False"),
    "Level": ("Level.MID", "Level.LOW"),
    PAGE: ("None",),
}
PARAMETER_NAMES = ("value", "first", "more", "other", "position", "amount")


def numbers_of(module: int) -> range:
    """The programs that a module holds."""
    return range(module * PROGRAMS_PER_MODULE, (module + 1) * PROGRAMS_PER_MODULE)


def write_module(seed: int, number: int, numbers: Collection[int], attempts: Mapping[str, int] = {}) -> Module:
    """The module ``number`` with these of its programs; a function is another one at each attempt."""

    def random(name: str, scope: int = number) -> Random:
        return Random(f"{seed}/{scope}/{name}/{attempts.get(name, 0)}")

    helpers: list[Helper] = []
    aids, functions, methods = (
        [_helper(random(name), name, helpers) for name in (f"{kind}_{i}" for i in range(count))]
        for kind, count in NR_HELPERS.items()
    )
    helpers += STAGE_HELPERS
    programs = {n: _program(random(f"program_{n}", 0), n, helpers) for n in numbers}
    aids_name = f"aids_{seed}_{number}"
    return Module(seed, number, driver_text(aids_name, functions, methods, programs), aids_text(aids))


def _helper(random: Random, name: str, helpers: list[Helper]) -> str:
    """Writes a function and adds it to the helpers that may be called from now on."""
    in_aids, method = name.startswith("aid_"), name.startswith("method_")
    returns = random.choices([INT, BOOL, "Level", "None", PAGE, REQUEST], [8, 3, 2, 3, method, method])[0]
    writer = Statements(random, tuple(helpers), returns, own_self=method, in_aids=in_aids, calls_left=1)
    parameters = _parameters(writer, method)
    if method and writer.chance(0.3):
        writer.held = [writer.one_of(("self.lock", "self.shared.lock"))]
    needs = tuple(writer.held)
    lines = writer.body(random.choice(HELPER_STATEMENTS))
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


def _program(random: Random, number: int, helpers: Sequence[Helper]) -> str:
    writer = Statements(random, helpers, INT, calls_left=random.choice((0, 1, 1, 2, 3)), may_hang=True)
    writer.kinds = {"hctx": HW_CTX, "rq": REQUEST, "a": INT, "b": INT, "flag": BOOL, "level": "Level"}
    writer.learn(*writer.kinds)
    writer.fixed = {"rq", "hctx"}
    if writer.chance(0.5):
        writer.depth = 1
        writer.put("rq.start()")
    lines = writer.body(random.choice(PROGRAM_STATEMENTS))
    text = f"def program_{number}(self, {PARAMETERS}) -> int:\n" + "".join(f"{line}\n" for line in lines)
    return textwrap.indent(text, "    ")


def accepted_module(seed: int, number: int, numbers: Collection[int], directory: Path) -> Module:
    """A module that the front end takes: what is refused for a constant that it computed is written anew."""
    attempts: Counter[str] = Counter()
    while True:
        module = write_module(seed, number, numbers, attempts)
        with loaded(module, directory) as cls:
            try:
                translate(cls, fold=True)
                return module
            except Refused as refused:
                constants = [r for r in refused.refusals if r.rule in CONSTANTS_REFUSED]
                again = _functions_at(module, constants)
                # What follows from such a refusal stands in the same function.
                if not _functions_at(module, refused.refusals) <= again:
                    raise
                attempts.update(again)


def _functions_at(module: Module, refusals: Sequence[Refusal]) -> set[str]:
    """The names of the functions that refusals are in."""
    names = set()
    for file, text in ((module.aids_name, module.aids), (module.name, module.driver)):
        lines = {refusal.line for refusal in refusals if Path(refusal.file).stem == file}
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and not lines.isdisjoint(
                range(node.lineno, (node.end_lineno or 0) + 1)
            ):
                names.add(node.name)
    return names
