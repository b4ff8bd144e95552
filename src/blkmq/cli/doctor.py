# SPDX-License-Identifier: MIT
"""``blkmq doctor``: whether this machine has what the targets need."""

from __future__ import annotations

from dataclasses import asdict

import click

from blkmq.cli.failure import ExitCode
from blkmq.cli.output import echo_json, json_option


@click.command(short_help="Say whether this machine has what blkmq needs.")
@json_option
def doctor(as_json: bool) -> int:
    """Look for what blkmq needs on this machine; for what is missing, say how to get it.

    The exit code is 0 if the host target works, else 1. Nothing is compiled, and nothing changes but that the cache
    directory is made.

    \b
    Examples:
      blkmq doctor
      blkmq doctor --json
    """
    from blkmq.cli.machine import Finding, examine

    findings: list[Finding] = []
    for finding in examine():
        findings.append(finding)
        if not as_json:
            _show(finding.name, finding.ok, finding.value, finding.needed_for, finding.hint)
    works = all(finding.ok for finding in findings if finding.needed_for == "host")
    if as_json:
        echo_json({"host_works": works, "findings": [asdict(finding) for finding in findings]})
    else:
        click.echo(f"\nThe host target {'works' if works else 'does not work'} here.")
    return ExitCode.DONE if works else ExitCode.NO


def _show(name: str, ok: bool, value: str, needed_for: str, hint: str) -> None:
    mark = click.style("OK     ", fg="green") if ok else click.style("missing", fg="red" if needed_for else "yellow")
    target = f" (for target {needed_for})" if needed_for and not ok else ""
    click.echo(f"{mark}  {name:<12} {value}{target}")
    if hint:
        click.echo(f"{'':<9}hint: {hint}")
