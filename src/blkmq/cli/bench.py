# SPDX-License-Identifier: MIT
"""``blkmq bench``: how fast a driver is, on each target."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from blkmq.cli.driver_argument import attributes_argument, driver_argument, load, new, users_output
from blkmq.cli.failure import ExitCode, failure_of
from blkmq.cli.output import echo_error, echo_json, echo_table, json_option
from blkmq.cli.verdict import TARGETS, ask

if TYPE_CHECKING:
    from rich.progress import Progress

    from blkmq.cli.contender import Contender
    from blkmq.mq.errors import BlkmqError
    from blkmq.mq.operations import Operations


@click.command(short_help="Measure a driver, on each target.")
@driver_argument
@attributes_argument
@click.option("--target", "targets", type=click.Choice(TARGETS), multiple=True, help="Repeatable; default: all.")
@click.option(
    "--depth", metavar="N", type=click.IntRange(1), default=128, show_default=True, help="Requests under way, at most."
)
@click.option(
    "--rounds", metavar="N", type=click.IntRange(1), default=5, show_default=True, help="Of each target, in turn."
)
@click.option(
    "--requests", metavar="N", type=click.IntRange(1), help="Of a round; default: as many as take 0.2 seconds."
)
@click.option(
    "--write-percent",
    metavar="N",
    type=click.IntRange(0, 100),
    default=50,
    show_default=True,
    help="The rest are reads.",
)
@json_option
def bench(
    driver: str,
    attributes: dict[str, str],
    targets: tuple[str, ...],
    depth: int,
    rounds: int,
    requests: int | None,
    write_percent: int,
    as_json: bool,
) -> int:
    """Measure what DRIVER and dispatch cost, without a client: one thread, one hardware queue.

    Requests are of 4 KiB, at random places. The targets take turns, round by round, so that what else the machine
    does hits them alike; the table has the median of the rounds and their extremes. If requests fail, the exit code
    is 1; for a disk that takes none of them (no capacity, larger blocks, read-only) it is 2.

    \b
    Examples:
      blkmq bench ramdisk size=256
      blkmq bench my_disk.py --target host --target c --write-percent 0
      blkmq bench ramdisk --requests 100000 --rounds 9 --json
    """
    from blkmq.cli.contender import Contender, StuckError
    from blkmq.device.serve import log_notes
    from blkmq.mq.errors import BlkmqError, ConfigError

    cls = load(driver)
    made = new(cls, attributes)
    log_notes([made])
    asked = tuple(dict.fromkeys(targets)) or TARGETS
    refused: dict[str, BlkmqError] = {}
    contenders: list[Contender] = []
    try:
        with _progress(len(asked) * (rounds + 2)) as step, users_output():
            for target in asked:
                step(f"{target}: starting", 1)
                try:
                    ask(made, target)
                    contenders.append(Contender.start(new(cls, attributes), target, depth, write_percent, requests))
                except ConfigError:
                    raise  # no target would take these attributes
                except BlkmqError as error:
                    refused[target] = error
                    step("", rounds + 1)
            if (targets and refused) or not contenders:
                raise next(iter(refused.values()))
            for contender in contenders:
                step(f"{contender.target}: warming up", 1)
                contender.warm_up()
            for number in range(rounds):
                for contender in contenders:
                    step(f"round {number + 1} of {rounds}: {contender.target}", 1)
                    contender.round()
        return _tell(driver, cls, contenders, refused, write_percent, as_json)
    except (KeyboardInterrupt, StuckError) as error:
        _leave_if_abandoned(error, as_json)
        raise
    finally:
        for contender in contenders:
            contender.close()


@contextlib.contextmanager
def _progress(total: int) -> Iterator[Any]:
    """A bar on stderr, if that is a terminal: a function that says what comes, and how many steps that is."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda text, steps: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=4) as progress:
        yield _steps(progress, total)


def _steps(progress: Progress, total: int) -> Any:
    task = progress.add_task("", total=total)

    def step(text: str, steps: int) -> None:
        progress.update(task, description=text, advance=steps, refresh=True)

    return step


def _leave_if_abandoned(error: BaseException, as_json: bool) -> None:
    """A round that cannot be stopped dies with the process, before anything that it uses is taken down."""
    from blkmq.cli.contender import AbandonedError, StuckError

    if isinstance(error, AbandonedError | StuckError):
        code = failure_of(error).show(as_json=as_json)
        sys.stdout.flush()
        os._exit(code)


def _tell(
    driver: str,
    cls: type[Operations],
    contenders: list[Contender],
    refused: dict[str, BlkmqError],
    write_percent: int,
    as_json: bool,
) -> int:
    """Writes the results; the exit code."""
    if as_json:
        notes = {target: {"text": error.text, "hint": error.hint} for target, error in refused.items()}
        results = [_result_json(contender) for contender in contenders]
        head = {"driver": driver, "class": cls.__name__, "write_percent": write_percent}
        echo_json({**head, "results": results, "refused": notes})
    else:
        for target, error in refused.items():
            echo_error(f"{target} cannot take {cls.__name__}: {error.text}", error.hint, kind="note")
        columns = ["target", "requests/s", "least", "most", "ns/request", "requests", "depth"]
        title = f"{cls.__name__}: 4 KiB at random places, {write_percent} % writes, median of {_rounds(contenders)}"
        echo_table(columns, [_row(contender) for contender in contenders], title)
        for contender in contenders:
            if contender.nr_failed:
                _complain(contender)
    return ExitCode.NO if any(contender.nr_failed for contender in contenders) else ExitCode.DONE


def _rounds(contenders: list[Contender]) -> str:
    number = len(contenders[0].loads)
    return f"{number} rounds" if number > 1 else "1 round"


def _row(contender: Contender) -> list[str]:
    rates = (contender.median, min(contender.rates), max(contender.rates))
    cost = 1e9 / contender.median
    return [
        contender.target,
        *(f"{rate:,.0f}" for rate in rates),
        f"{cost:,.1f}" if cost < 1000 else f"{cost:,.0f}",
        f"{contender.nr_requests:,}",
        str(contender.depth),
    ]


def _result_json(contender: Contender) -> dict[str, Any]:
    return {
        "target": contender.target,
        "depth": contender.depth,
        "requests": contender.nr_requests,
        "requests_per_sec": {
            "median": contender.median,
            "least": min(contender.rates),
            "most": max(contender.rates),
            "rounds": contender.rates,
        },
        "nsec_per_request": 1e9 / contender.median,
        "nr_failed": contender.nr_failed,
        "errors": contender.errors(),
    }


def _complain(contender: Contender) -> None:
    total = contender.nr_requests * len(contender.loads)
    echo_error(f"{contender.target}: {contender.nr_failed:,} of {total:,} requests failed", contender.errors_hint())
