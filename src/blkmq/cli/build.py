# SPDX-License-Identifier: MIT
"""``blkmq build``: a driver as a kernel module."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING

import click

from blkmq.cli.driver_argument import complete_driver, load
from blkmq.cli.lab.machine_options import complete_kernel, say
from blkmq.cli.output import echo_json, json_option

if TYPE_CHECKING:
    from blkmq.kmod.build import Headers


@click.command(short_help="Build a driver as a kernel module.")
@click.argument("driver", shell_complete=complete_driver)
@click.option(
    "--kernel", metavar="NAME|DIR", shell_complete=complete_kernel,
    help="A kernel of the lab, or a kernel's build directory; the running kernel's is the default.",
)  # fmt: skip
@click.option("--name", help="What the module, its configfs tree and its disks are called.")
@click.option(
    "-o", "output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Where the module goes."
)
@json_option
def build(driver: str, kernel: str | None, name: str | None, output: Path | None, as_json: bool) -> None:
    """Build DRIVER as a module for a kernel: its Python becomes C, and the kernel's own build makes a .ko of that.

    The module is EXPERIMENTAL and out of the kernel's tree. Nothing is loaded; `blkmq load` and insmod do that. Its
    parameters and its configfs tree are the driver's attributes. null_blk's is a drop-in for the kernel's own;
    with --name it can be loaded beside that.

    \b
    Examples:
      blkmq build null_blk --kernel 7.3 --name pynull
      blkmq build my_disk.py -o my_disk.ko
      blkmq lab run -- sh -c 'blkmq load pynull.ko gb=1 && lsblk'
    """
    from blkmq.kmod.module import module_text

    cls = load(driver)
    text = module_text(cls, Path(driver.partition(":")[0]).stem, name)
    module = text.build(headers_of(kernel))
    path = output or Path(f"{text.names.module}.ko")
    path.write_bytes(module)
    if as_json:
        echo_json({"driver": driver, "class": cls.__name__, "module": text.names.module, "file": str(path)})
    else:
        click.echo(str(path))


def headers_of(kernel: str | None) -> Headers:
    """A kernel of the lab by its name, a directory, or the running kernel's."""
    from blkmq.kmod.build import Headers, headers_here
    from blkmq.lab.headers import lab_headers
    from blkmq.lab.kernel import find_kernel

    if kernel is None:
        return headers_here(Path("/lib/modules") / platform.release() / "build")
    if "/" in kernel or Path(kernel).is_dir():
        return headers_here(Path(kernel).absolute())
    found = lab_headers(find_kernel(kernel), say)
    return Headers(found.path, found.within)
