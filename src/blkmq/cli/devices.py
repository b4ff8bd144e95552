# SPDX-License-Identifier: MIT
"""The verbs for devices in service: list, show, set, del, logs, clean."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from blkmq.cli.driver_argument import as_mapping
from blkmq.cli.failure import ExitCode
from blkmq.cli.output import echo_error, echo_json, echo_table, json_option, note_after

FOLLOW_SEC = 0.2
WAIT_SEC = 2.0  #: until it is said what a verb waits for


def complete_device(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of devices in service."""
    from blkmq.device.runtime_directory import RuntimeDirectory

    try:
        return [CompletionItem(one.name) for one in RuntimeDirectory().devices() if one.name.startswith(incomplete)]
    except Exception:
        return []


device_argument = click.argument("name", shell_complete=complete_device)


@click.command("list", short_help="List the devices in service.")
@json_option
def list_devices(as_json: bool) -> None:
    """List the devices in service. What processes that died have left is removed.

    \b
    Examples:
      blkmq list
      blkmq list --json
    """
    from dataclasses import asdict

    from blkmq.device.runtime_directory import RuntimeDirectory

    directory = RuntimeDirectory()
    devices = directory.devices()
    for told in directory.died.values():
        echo_error(told, kind="note")
    if as_json:
        echo_json({"devices": [asdict(found) for found in devices]})
        return
    rows = []
    for found in devices:
        record = found.record
        if record is None:
            rows.append([found.name, found.state, "", "", found.trouble])
        else:
            rows.append([found.name, found.state, str(record.pid), record.driver, record.uris[0]])
            rows += [["", "", "", "", uri] for uri in record.uris[1:]]
    if rows:
        echo_table(["device", "state", "pid", "driver", "uri"], rows)


@click.command(short_help="Show a device: attributes, queues, counters.")
@device_argument
@json_option
def show(name: str, as_json: bool) -> None:
    """Show what the device NAME is and does: attributes, disks, hardware queues, counters, requests under way.

    Errors of the driver are the last lines, each with its file and line.

    \b
    Examples:
      blkmq show ram_disk0
      blkmq show ram_disk0 --json
    """
    state = _ask(name, {"verb": "show"})
    if as_json:
        echo_json(state)
        return
    rows = [[key, str(state[key])] for key in ("name", "pid", "driver", "target", "via")]
    echo_table(["device", ""], rows)
    echo_table(["attribute", "value"], [[key, str(value)] for key, value in state["attributes"].items()])
    echo_table(
        ["disk", "uri", "size", "block_size", "read_only"], [[str(v) for v in disk.values()] for disk in state["disks"]]
    )
    echo_table(
        ["queue", "depth", "in_flight", "queued"], [[str(v) for v in queue.values()] for queue in state["queues"]]
    )
    echo_table(["counter", "value"], [[key, str(value)] for key, value in state["counters"].items()])
    for line in (*state["requests"], *state["reports"]):
        click.echo(line)


@click.command("set", short_help="Change attributes of a device.")
@device_argument
@click.argument("attributes", nargs=-1, required=True, metavar="ATTR=VALUE...", callback=as_mapping)
@json_option
def set_attributes(name: str, attributes: dict[str, str], as_json: bool) -> None:
    """Change attributes of the device NAME while it is in service.

    Those are the ones that the driver declares `Live[…]`: of null_blk, as in C, submit_queues. What is in flight ends
    first, what comes meanwhile waits; clients notice nothing. Any other is fixed, which the answer says: EBUSY.

    \b
    Examples:
      blkmq set null_blk0 submit_queues=2
    """
    answer = _ask(name, {"verb": "set", "attributes": attributes})
    if as_json:
        echo_json({"set": answer})


@click.command("del", short_help="Remove devices.")
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=complete_device)
@click.option("--kill", is_flag=True, help="At once, with SIGKILL: what is under way is not answered.")
@json_option
def delete(names: tuple[str, ...], kill: bool, as_json: bool) -> None:
    """Remove the devices NAME: what they have received is answered, then their processes end.

    If one of several is not there, none is removed.

    \b
    Examples:
      blkmq del ram_disk0
      blkmq del --kill ram_disk0
    """
    from blkmq.device.runtime_directory import RuntimeDirectory

    directory = RuntimeDirectory()
    records = [directory.find(name) for name in names]  # all or none
    for record in records:
        with note_after(WAIT_SEC, f"{record.name} is ending; `blkmq del --kill {record.name}` waits for no request"):
            directory.stop(record, signal_number=signal.SIGKILL if kill else signal.SIGTERM)
    if as_json:
        echo_json({"removed": list(names)})


@click.command(short_help="Show a device's log.")
@device_argument
@click.option("-f", "--follow", is_flag=True, help="Go on until the device ends.")
def logs(name: str, follow: bool) -> None:
    """Show what the device NAME and its driver have written.

    \b
    Examples:
      blkmq logs ram_disk0
      blkmq logs -f ram_disk0
    """
    from blkmq.device.device_directory import LOG
    from blkmq.device.runtime_directory import RuntimeDirectory

    directory = RuntimeDirectory()
    directory.find(name)
    with open(directory.file(name, LOG), errors="replace") as log:
        while True:
            if text := log.read():
                click.echo(text, nl=False)
            elif not follow or not directory.file(name, LOG).exists():
                return
            else:
                time.sleep(FOLLOW_SEC)


@click.command(short_help="Remove all devices, and all that blkmq made.")
@json_option
def clean(as_json: bool) -> int:
    """End all devices of this user, and remove the runtime directory and the cache of compiled drivers.

    What blkmq did not make stays where it is, and is named.

    \b
    Examples:
      blkmq clean
    """
    from blkmq.device.runtime_directory import RuntimeDirectory
    from blkmq.mq.errors import BlkmqError
    from blkmq.native.cache import cache_path, remove_cache

    directory = RuntimeDirectory()
    stopped: list[str] = []
    removed: list[str] = []
    troubles: list[BlkmqError] = []

    def attempt(done: list[str], name: str, step: Callable[[], None]) -> None:
        try:
            step()
            done.append(name)
        except BlkmqError as error:
            troubles.append(error)

    for found in directory.devices():
        record = found.record
        attempt(
            stopped,
            found.name,
            partial(directory.stop_damaged, found) if record is None else partial(directory.stop, record),
        )
    for path, remove in ((directory.path, directory.remove), (cache_path(), remove_cache)):
        if path.exists():
            attempt(removed, str(path), remove)
    if as_json:
        echo_json({"stopped": stopped, "removed": removed, "left": [trouble.text for trouble in troubles]})
    else:
        for line in (*(f"ended {name}" for name in stopped), *(f"removed {place}" for place in removed)):
            click.echo(line)
        for trouble in troubles:
            echo_error(trouble.text, trouble.hint)
    return ExitCode.NO if troubles else ExitCode.DONE


def _ask(name: str, question: dict[str, Any]) -> Any:
    from blkmq.device.control import ask
    from blkmq.device.device_directory import CONTROL
    from blkmq.device.runtime_directory import RuntimeDirectory

    directory = RuntimeDirectory()
    directory.find(name)
    place: Path = directory.file(name, CONTROL)
    return ask(place, question)
