# SPDX-License-Identifier: MIT
"""``blkmq add``: a driver becomes a device that programs use, in a process of its own."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TYPE_CHECKING

import click

from blkmq.cli.driver_argument import attributes_argument, driver_argument, load, new, users_output
from blkmq.cli.output import echo_json, json_option
from blkmq.cli.verdict import TARGETS

if TYPE_CHECKING:
    from collections.abc import Callable

    from blkmq.device.process import Wanted
    from blkmq.device.runtime_directory import Claim, DeviceRecord


@click.command(short_help="Put a driver into service.")
@driver_argument
@attributes_argument
@click.option("--name", metavar="NAME", help="Of the device; default: the driver's, with a number.")
@click.option("--via", type=click.Choice(["nbd"]), default="nbd", show_default=True, help="The door.")
@click.option("--target", type=click.Choice(TARGETS), default="host", show_default=True, help="What runs the driver.")
@click.option("--socket", "socket_path", metavar="PATH", help="A Unix socket; default: one in the runtime directory.")
@click.option("--listen", metavar="HOST:PORT", help="A loopback TCP port instead; port 0 takes a free one.")
@click.option(
    "--poll-usec", metavar="N", type=click.IntRange(0), default=0, show_default=True,
    help="Look busily at the sockets so long before sleeping: more CPU, fewer wake-ups.",
)  # fmt: skip
@click.option("--foreground", is_flag=True, help="Stay in this process, and log to stderr.")
@json_option
def add(
    driver: str,
    attributes: dict[str, str],
    name: str | None,
    via: str,
    target: str,
    socket_path: str | None,
    listen: str | None,
    poll_usec: int,
    foreground: bool,
    as_json: bool,
) -> int:
    """Serve DRIVER to other programs, until `blkmq del` or SIGTERM.

    Prints the device's name, its process and the URI of each disk. nr_devices=N makes N disks, which share one tag
    set; null_blk takes gb and bs as its C module does. The device outlives this shell, unless it stays in the
    foreground, as for a systemd unit or a container: then SIGTERM answers what was received and ends with exit code 0.

    \b
    Examples:
      blkmq add ramdisk size=256
      blkmq add my_disk.py --name mine --target interpreted
      blkmq add null_blk nr_devices=2 --listen 127.0.0.1:10809 --foreground
    """
    from blkmq.device.process import Wanted, detach
    from blkmq.device.runtime_directory import RuntimeDirectory

    if socket_path and listen:
        raise click.UsageError("--socket and --listen: one or the other")
    cls = load(driver)
    nr_devices = _nr_devices(cls, attributes)
    _translate_module_parameters(cls, attributes)
    disks = [new(cls, attributes) for _ in range(nr_devices)]
    if listen is not None:
        from blkmq.transport.nbd.address import tcp_address

        tcp_address(listen)  # a mistake is told before anything is made
    wanted = Wanted(driver, disks, attributes, target, via, socket_path, listen, poll_usec)
    directory = RuntimeDirectory()
    claim = directory.claim(name) if name is not None else directory.claim_numbered(_stem(cls))
    if foreground:
        stdout = sys.stdout

        def tell(record: DeviceRecord) -> None:
            with contextlib.redirect_stdout(stdout):
                _tell(record, as_json)
                stdout.flush()

        log_to_stderr()
        return _serve(wanted, claim, tell)

    def serve_there(ready: Callable[[DeviceRecord], None]) -> int:
        def ready_to_log(record: DeviceRecord) -> None:
            ready(record)  # from now on stderr is the log
            log_to_stderr()

        return _serve(wanted, claim, ready_to_log)

    answer = detach(claim, serve_there)
    if isinstance(answer, int):
        return answer
    code, said = answer
    if code or not said:
        return code or 1
    _tell(directory.find(claim.name), as_json)
    return 0


def _nr_devices(cls: type, attributes: dict[str, str]) -> int:
    """How many disks; takes the word out of the attributes unless the driver has one of that name."""
    from blkmq.mq.configuration import attributes_of
    from blkmq.mq.errors import ConfigError

    if "nr_devices" not in attributes or any(one.name == "nr_devices" for one in attributes_of(cls)):
        return 1
    text = attributes.pop("nr_devices")
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise ConfigError("nr_devices", text, "is no number of disks", hint="an integer 1..1024")
    return int(text)


def _translate_module_parameters(cls: type, attributes: dict[str, str]) -> None:
    """Puts the attributes in place of what a C module has as parameters, as the driver's config says."""
    from blkmq.mq.configuration import config_class_of
    from blkmq.mq.errors import ConfigError

    for name, attribute, factor, most in getattr(config_class_of(cls), "of_module", ()):
        if name in attributes:
            text = attributes.pop(name)
            if not text.isdecimal():
                raise ConfigError(name, text, "is no number", hint=f"a number; {attribute}={factor} for each")
            attributes.setdefault(attribute, str(min(int(text) * factor, most)))


def _stem(cls: type) -> str:
    from blkmq.compiler.frontend.records import snake_case

    return snake_case(cls.__name__)


def log_to_stderr() -> None:
    """What blkmq has to say is a line with its time, instead of a note for who stands by."""
    logging.getLogger("blkmq").handlers.clear()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


def _serve(wanted: Wanted, claim: Claim, ready: Callable[[DeviceRecord], None]) -> int:
    """Serves here; what the driver prints goes to the log, as what blkmq has to say does."""
    from blkmq.device.process import run_device

    with users_output():
        run_device(wanted, claim, ready)
    return 0


def _tell(record: DeviceRecord, as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        echo_json(asdict(record))
        return
    click.echo(f"{record.name}  pid {record.pid}")
    for uri in record.uris:
        click.echo(uri)
