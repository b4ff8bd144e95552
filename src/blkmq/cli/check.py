# SPDX-License-Identifier: MIT
"""``blkmq check``: which targets can take a driver, and if not, why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from blkmq.cli.driver_argument import attributes_argument, driver_argument, load, new
from blkmq.cli.failure import ExitCode, refusal_json
from blkmq.cli.output import echo_json, json_option
from blkmq.cli.verdict import TARGETS, ask, disk_refusals

if TYPE_CHECKING:
    from blkmq.compiler.frontend.refused import Refusal

fold_option = click.option(
    "--fold/--no-fold", default=True, show_default=True, help="Take the values of modes as constants."
)


@click.command(short_help="Say which targets can take a driver, and if not, why.")
@driver_argument
@attributes_argument
@fold_option
@json_option
def check(driver: str, attributes: dict[str, str], fold: bool, as_json: bool) -> int:
    """Say which targets can take DRIVER, and if not, every place that breaks a rule.

    The exit code is 0 if the host target can, else 1. Modes are taken as given, as serving the driver takes them;
    with --no-fold the code for all their other values is checked too. Nothing is compiled, but the disk is made once,
    interpreted: `configure` and the init callbacks run, the kernel's rules are applied to the limits that they ask
    for, and the disk is removed again. No request comes.

    \b
    Examples:
      blkmq check my_disk.py
      blkmq check my_disk.py blocksize=4096 --json
    """
    from blkmq.compiler.frontend.refused import Refusal, Refused
    from blkmq.device.serve import log_notes

    cls = load(driver)
    try:
        made = new(cls, attributes)
        log_notes([made])
        answers = {target: _answer(made, target, fold) for target in TARGETS}
        if answers["interpreted"]["can"] and (refusals := disk_refusals(made)):
            for answer in answers.values():
                answer.update(_no([*refusals, *(Refusal(**one) for one in answer["refusals"])]))
    except Refused as error:
        answers = {target: _no(error.refusals) for target in TARGETS}
    if as_json:
        echo_json({"driver": driver, "class": cls.__name__, "targets": answers})
    else:
        _show(answers)
    return ExitCode.DONE if answers["host"]["can"] else ExitCode.NO


def _answer(driver: Any, target: str, fold: bool) -> dict[str, Any]:
    """Whether a target can, and what is against it."""
    from blkmq.compiler.frontend.refused import Refusal, Refused
    from blkmq.mq.errors import BlkmqError

    try:
        ask(driver, target, fold=fold)
    except Refused as error:
        return _no(error.refusals)
    except BlkmqError as error:
        return _no([Refusal("", 0, "", error.text, hint=error.hint)])
    return {"can": True, "refusals": []}


def _no(refusals: Iterable[Refusal]) -> dict[str, Any]:
    return {"can": False, "refusals": [refusal_json(refusal) for refusal in refusals]}


def _show(answers: dict[str, dict[str, Any]]) -> None:
    told: dict[str, list[str]] = {}
    for target, answer in answers.items():
        color = "green" if answer["can"] else "red"
        click.echo(f"{target:<12} {click.style('yes' if answer['can'] else 'no', fg=color)}")
        if not answer["can"]:
            told.setdefault("\n".join(map(_spelled, answer["refusals"])), []).append(target)
    for text, targets in told.items():
        click.echo(f"\nwhy not {', '.join(targets)}:\n{text}")


def _spelled(refusal: dict[str, Any]) -> str:
    from blkmq.compiler.frontend.refused import Refusal

    text = str(Refusal(**refusal)) if refusal["file"] else refusal["text"]
    return f"{text}\n  hint: {refusal['hint']}" if refusal["hint"] else text
