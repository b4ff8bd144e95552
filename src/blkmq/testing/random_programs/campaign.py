# SPDX-License-Identifier: MIT
"""Many modules of random programs, in several processes."""

from __future__ import annotations

import os
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from blkmq.compiler.numba.builder import BUILDER
from blkmq.testing.random_programs.comparing import TARGETS, compare
from blkmq.testing.random_programs.minimising import minimised
from blkmq.testing.random_programs.modules import PROGRAMS_PER_MODULE, accepted_module, numbers_of
from blkmq.testing.random_programs.running import cases_of

CALLS_PER_PROGRAM = 8
MODULES_PER_PROCESS = 10  #: compiled code is never unloaded
REPORTS_PER_MODULE = 2


@dataclass
class Result:
    """What came of some modules."""

    nr_programs: int = 0
    nr_calls: int = 0
    faults: Counter[str] = field(default_factory=Counter)  #: that interpreted reports
    reports: list[str] = field(default_factory=list)  #: one for each program that differs, as short as can be
    seconds: float = 0

    def add(self, other: Result) -> None:
        self.nr_programs += other.nr_programs
        self.nr_calls += other.nr_calls
        self.faults.update(other.faults)
        self.reports += other.reports

    def __str__(self) -> str:
        faults = ", ".join(f"{name} {count}" for name, count in self.faults.most_common())
        return (f"{self.nr_programs} programs, {self.nr_calls} calls ({faults}), "
                f"{len(self.reports)} differ; {self.seconds:.0f} s")  # fmt: skip


def run_module(
    seed: int, number: int, numbers: Sequence[int] = (), targets: Sequence[str] = TARGETS, minimise: bool = True
) -> Result:
    """Makes, runs and compares one module, or some of its programs."""
    numbers = numbers or numbers_of(number)
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="blkmq-random-") as name:
        directory = Path(name)
        module = accepted_module(seed, number, numbers, directory)
        cases = [case for program in numbers for case in cases_of(seed, program, CALLS_PER_PROGRAM)]
        comparison = compare(module, cases, directory, targets)
        result = Result(len(numbers), comparison.nr_calls, comparison.faults)
        for difference in list(comparison.programs().values()):
            text = f"seed {seed}, program {difference.case.program}: {difference}"
            if minimise and len(result.reports) < REPORTS_PER_MODULE:
                shorter, last = minimised(module, difference, directory)
                text += f"\nshortened: {last}\n--- {shorter.aids_name}.py\n{shorter.aids}"
                text += f"\n--- {shorter.name}.py\n{shorter.driver}"
            result.reports.append(text)
    result.seconds = time.monotonic() - begin
    return result


def run_many(
    seed: int, nr_programs: int, jobs: int = 0, tell: Callable[[str], None] = print, *, first: int = 0
) -> Result:
    """Runs modules, from the one with program ``first`` on, until they hold so many; tells what came of each."""
    begin = time.monotonic()
    total = Result()
    jobs = jobs or os.cpu_count() or 1
    begin_module = first // PROGRAMS_PER_MODULE
    end_module = begin_module - (-nr_programs // PROGRAMS_PER_MODULE)
    for at in range(begin_module, end_module, jobs * MODULES_PER_PROCESS):
        numbers = range(at, min(at + jobs * MODULES_PER_PROCESS, end_module))
        for number, result in zip(numbers, _in_processes(seed, numbers, jobs), strict=True):
            total.add(result)
            tell("\n\n".join([*result.reports, f"module {number}: {result}"]))
    total.seconds = time.monotonic() - begin
    return total


def _in_processes(seed: int, numbers: Sequence[int], jobs: int) -> Iterator[Result]:
    """Runs modules in fresh processes; one that kills its process is found by running it alone."""
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(_run_module, seed, number) for number in numbers]
        for number, future in zip(numbers, futures, strict=True):
            try:
                yield future.result()
            except BrokenProcessPool as error:
                if len(numbers) == 1:
                    yield Result(PROGRAMS_PER_MODULE, reports=[f"seed {seed}, module {number}: {error}"])
                else:
                    yield from _in_processes(seed, [number], 1)


def _run_module(seed: int, number: int) -> Result:
    BUILDER.is_off = True
    try:
        return run_module(seed, number)
    except Exception:  # most exceptions could not leave the process
        return Result(PROGRAMS_PER_MODULE, reports=[f"seed {seed}, module {number}:\n{traceback.format_exc()}"])
