# SPDX-License-Identifier: MIT
"""The options that say which guest to boot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from blkmq.lab.vm import Machine

F = TypeVar("F", bound=Callable[..., Any])
DEFAULT_KERNEL = "7.3"
FILE = click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path)


def say(text: str) -> None:
    """A word about what goes on: not part of an answer."""
    click.echo(f"lab: {text}", err=True)


def complete_kernel(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The matrix's names."""
    from blkmq.lab.kernel import kernels

    return [
        CompletionItem(kernel.name, help=kernel.note or kernel.gone or kernel.suite)
        for kernel in kernels()
        if kernel.name.startswith(incomplete)
    ]


def machine_options(verb: F) -> F:
    """``--kernel`` and what else a guest is made of."""
    options = (
        click.option("--kernel", metavar="NAME", show_default=DEFAULT_KERNEL,
                     shell_complete=complete_kernel, help="Of `blkmq lab kernels`; fetched if it is not here."),
        click.option("--vmlinuz", metavar="PATH", type=FILE, help="A kernel of your own instead."),
        click.option("--modules", metavar="DIR", type=FOLDER, help="Its lib/modules/RELEASE."),
        click.option("--cpus", metavar="N", type=click.IntRange(1), show_default="2"),
        click.option("--memory", metavar="M", default="2G", show_default=True, help="With K, M or G behind it."),
        click.option("--accel", type=click.Choice(["auto", "kvm", "tcg"]), default="auto", show_default=True,
                     help="auto: KVM where a guest really boots with it, else TCG, which emulates."),
        click.option("--icount", is_flag=True, help="Deterministic instruction counting: TCG with one CPU."),
    )  # fmt: skip
    for option in reversed(options):
        verb = option(verb)
    return verb


def make_machine(
    *,
    kernel: str | None,
    vmlinuz: Path | None,
    modules: Path | None,
    cpus: int | None,
    memory: str,
    accel: str,
    icount: bool,
    tell: Callable[[str], None] = say,
) -> tuple[Machine, str]:
    """The machine that the options ask for, and the name of its kernel; fetches the kernel if need be."""
    import re

    from blkmq.lab.fetch import fetch, fetched
    from blkmq.lab.kernel import find_kernel
    from blkmq.lab.own_kernel import own_kernel
    from blkmq.lab.vm import CPUS, Machine, choose_accelerator

    if not re.fullmatch(r"\d+[KMG]", memory):
        raise click.BadParameter(f"{memory!r} is not a number with K, M or G behind it", param_hint="--memory")
    if icount and accel == "kvm":
        raise click.UsageError("--icount needs TCG, not --accel kvm")
    if icount and cpus not in (None, 1):
        raise click.UsageError("--icount counts on one CPU, not with --cpus")
    if kernel and vmlinuz:
        raise click.UsageError("--kernel and --vmlinuz are two kernels: give one")
    if modules and not vmlinuz:
        raise click.UsageError("--modules goes with --vmlinuz")
    if vmlinuz:
        image, name, release = own_kernel(vmlinuz, modules), "own", str(vmlinuz)
    else:
        found = find_kernel(kernel or DEFAULT_KERNEL)
        here = fetched(found) or fetch(found, tell)
        image, name, release = here.vmlinuz, found.name, here.release
    kvm = choose_accelerator("tcg" if icount else accel, image, tell)
    count = 1 if icount else cpus or CPUS
    tell(f"{release} with {'KVM' if kvm else 'TCG'}, {count} CPU{'s' * (count > 1)}{', icount' * icount}")
    return Machine(vmlinuz=image, cpus=count, memory=memory, kvm=kvm, icount=icount), name
