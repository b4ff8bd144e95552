# SPDX-License-Identifier: MIT
"""``blkmq load`` and ``blkmq unload``: a built module into the running kernel, and out of it."""

from __future__ import annotations

from pathlib import Path

import click

from blkmq.cli.driver_argument import as_mapping


@click.command(short_help="Load a built module into the running kernel.")
@click.argument("module", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("parameters", nargs=-1, metavar="[PARAM=VALUE]...", callback=as_mapping)
def load(module: Path, parameters: dict[str, str]) -> None:
    """Load MODULE, a .ko that `blkmq build` made, into the running kernel; needs root.

    \b
    Examples:
      blkmq load pynull.ko gb=1 nr_devices=2
    """
    from blkmq.kmod.load import load_module

    load_module(module, parameters)


@click.command(short_help="Remove a module from the running kernel.")
@click.argument("name")
def unload(name: str) -> None:
    """Remove module NAME, its disks and its configfs tree; one whose disks are in use stays.

    \b
    Examples:
      blkmq unload pynull
    """
    from blkmq.kmod.load import unload_module

    unload_module(name.removesuffix(".ko"))
