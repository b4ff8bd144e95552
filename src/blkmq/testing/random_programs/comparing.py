# SPDX-License-Identifier: MIT
"""Compares what targets make of the same calls."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from blkmq.compiler.frontend.refused import Refused
from blkmq.mq.errors import Fault
from blkmq.testing.random_programs.loading import Module, loaded
from blkmq.testing.random_programs.running import Case, Outcome, Runner

TARGETS = ("interpreted", "c", "host")
SHOWN = 100  #: characters of a value


@dataclass(frozen=True)
class Difference:
    """One call that two targets answer differently."""

    targets: tuple[str, str]
    case: Case
    details: tuple[str, ...]

    def __str__(self) -> str:
        one, other = self.targets
        what = f"{one} does not build" if one == other else f"{one} and {other} differ"
        head = f"{what}: program_{self.case.program}{self.case.arguments}, seed {self.case.seed!r}"
        return "\n".join([head, *(f"    {line}" for line in self.details)])


@dataclass
class Comparison:
    """What a module's calls came to."""

    differences: list[Difference] = field(default_factory=list)
    nr_calls: int = 0
    faults: Counter[str] = field(default_factory=Counter)  #: of the first target

    def programs(self) -> dict[int, Difference]:
        """The first difference of each program that has any."""
        return {d.case.program: d for d in reversed(self.differences)}


def compare(module: Module, cases: Sequence[Case], directory: Path, targets: Sequence[str] = TARGETS) -> Comparison:
    """Runs the calls on each target; compares them all with the first, and compiled ones with each other.

    ``interpreted`` reports an overflow where the others go on: there the comparison with it ends.
    """
    comparison = Comparison(nr_calls=len(cases))
    outcomes: dict[str, list[Outcome]] = {}
    with loaded(module, directory) as cls:
        for target in dict.fromkeys(targets):
            try:
                runner = Runner(cls, target)
            except Refused:
                raise
            except Exception as error:  # whatever gcc or Numba make of it
                comparison.differences.append(_not_built(target, error, cases))
                return comparison
            outcomes[target] = [runner.run(case) for case in cases]
            runner.close()
    comparison.faults.update(outcome.fault.name for outcome in outcomes[targets[0]])
    for number, case in enumerate(cases):
        for one, other in pairwise(targets):
            reference = outcomes[one][number]
            if one == "interpreted" and reference.fault is Fault.OVERFLOW:
                continue
            if details := _differences(reference, outcomes[other][number], both_compiled=one != "interpreted"):
                comparison.differences.append(Difference((one, other), case, tuple(details)))
                break
    return comparison


def _not_built(target: str, error: Exception, cases: Sequence[Case]) -> Difference:
    """A driver that the front end takes and the target does not; the program is named where the error names it."""
    named = {int(number) for number in re.findall(r"program_(\d+)", str(error))}
    case = next((case for case in cases if case.program in named), cases[0])
    return Difference((target, target), case, (f"{type(error).__name__}: {str(error)[:1500]}",))


def _differences(one: Outcome, other: Outcome, *, both_compiled: bool) -> list[str]:
    names = ["fault", "at", "result", "fuel", *(["value"] if both_compiled else [])]
    pairs = [(name, getattr(one, name), getattr(other, name)) for name in names]
    pairs += [(name, value, other.state[name]) for name, value in one.state.items()]
    return [f"{name}: {a!r:.{SHOWN}} and {b!r:.{SHOWN}}" for name, a, b in pairs if a != b]


def differs(module: Module, difference: Difference, directory: Path) -> Difference | None:
    """The difference of the same two targets at the same call of another text; None also if it is refused."""
    try:
        comparison = compare(module, [difference.case], directory, difference.targets)
    except (Refused, SyntaxError):
        return None
    # A text that one of them cannot take any more is another matter.
    return next((found for found in comparison.differences if found.targets == difference.targets), None)
