# SPDX-License-Identifier: MIT
"""``blkmq build``: a driver as a kernel module."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from blkmq.cli.driver_argument import complete_driver, load
from blkmq.cli.lab.machine_options import complete_kernel, say
from blkmq.cli.output import echo_error, echo_json, json_option

if TYPE_CHECKING:
    from blkmq.kmod.kbuild import Headers
    from blkmq.lab.kernel import Kernel


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
@click.option(
    "--btf", type=click.Path(dir_okay=False, exists=True, path_type=Path), metavar="FILE",
    help="The kernel (vmlinux, vmlinuz) or its BTF; known of the lab's kernels and of the running one.",
)  # fmt: skip
@click.option(
    "--sign", nargs=2, type=click.Path(dir_okay=False, exists=True, path_type=Path), metavar="KEY CERT",
    help="Sign the module with a key, and its certificate: PEM files.",
)  # fmt: skip
@click.option("--no-btf", is_flag=True, help="Ask the headers alone.")
@json_option
def build(
    driver: str,
    kernel: str | None,
    name: str | None,
    output: Path | None,
    btf: Path | None,
    sign: tuple[Path, Path] | None,
    no_btf: bool,
    as_json: bool,
) -> None:
    """Build DRIVER as a module for a kernel: its Python becomes C, and the kernel's own build makes a .ko of that.

    Before, the kernel's C API is compared with what the glue expects of it, by the kernel's BTF and by its headers: a
    field, a function or a callback that is otherwise is told by name, with both types.

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
    from blkmq.kmod.sign import sign as sign_module

    cls = load(driver)
    text = module_text(cls, Path(driver.partition(":")[0]).stem, name)
    headers = headers_of(kernel)
    headers = dataclasses.replace(headers, btf=None if no_btf else btf or headers.btf)
    if headers.btf is None and not no_btf:
        hint = "--btf /sys/kernel/btf/vmlinux of a machine that runs it; or --no-btf"
        echo_error(f"no BTF of {headers.path.name} is known here: its headers alone are asked", hint, kind="note")
    module = text.build(headers)
    if sign:
        module = sign_module(module, headers, *sign)
    path = output or Path(f"{text.names.module}.ko")
    path.write_bytes(module)
    if as_json:
        echo_json({"driver": driver, "class": cls.__name__, "module": text.names.module, "file": str(path)})
    else:
        click.echo(str(path))


def headers_of(kernel: str | None) -> Headers:
    """A kernel of the lab by its name, a directory, or the running kernel's."""
    from blkmq.abicheck.btf_file import RUNNING
    from blkmq.kmod.kbuild import headers_here
    from blkmq.lab.kernel import find_kernel

    if kernel is None:
        headers = headers_here(Path("/lib/modules") / platform.release() / "build")
        return dataclasses.replace(headers, btf=RUNNING if RUNNING.exists() else None)
    if "/" in kernel or Path(kernel).is_dir():
        return headers_here(Path(kernel).absolute())
    return lab_kernel_headers(find_kernel(kernel))


def lab_kernel_headers(kernel: Kernel, tell: Callable[[str], None] = say) -> Headers:
    """Of a kernel of the lab, with its BTF; those that are built here have none."""
    from blkmq.kmod.kbuild import Headers
    from blkmq.lab.fetch import fetched
    from blkmq.lab.headers import lab_headers

    found = lab_headers(kernel, tell)
    here = fetched(kernel)
    return Headers(found.path, found.within, found.place, here.vmlinuz if here and not kernel.source else None)
