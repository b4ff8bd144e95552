# SPDX-License-Identifier: MIT
"""What ``blkmq doctor`` says about the lab."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from blkmq.cli.machine import Finding


def examine_lab() -> Iterator[Finding]:
    """Whether a guest can boot here, from where kernels come, and what builds modules."""
    import sys

    from blkmq.lab.apt import find_mirror
    from blkmq.lab.lab_error import LabError
    from blkmq.lab.tool import OWN_KERNEL, missing

    try:
        yield Finding("virtme-ng", True, version("virtme-ng"), "lab")
    except PackageNotFoundError:
        yield Finding("virtme-ng", False, "not installed", "lab", f"{sys.executable} -m pip install virtme-ng")
    for purpose, name in (("boot", "lab: boot"), ("fetch", "lab: fetch"), ("build", "lab: build")):
        lacking = list(missing(purpose))
        if lacking:
            value = f"no {', '.join(tool.program for tool in lacking)}"
            yield Finding(name, False, value, "lab", "; ".join(dict.fromkeys(tool.hint() for tool in lacking)))
        else:
            yield Finding(name, True, "all programs are here", "lab")
    try:
        yield Finding("lab: mirror", True, find_mirror().uri, "lab")
    except LabError as error:
        yield Finding("lab: mirror", False, error.text, "lab", OWN_KERNEL)
    yield _kvm()


def _kvm() -> Finding:
    """KVM is only tried when a guest boots; here, what is known of it."""
    from blkmq.lab.accelerator import DEVICE, remembered

    if not DEVICE.exists():
        return Finding("lab: KVM", False, f"there is no {DEVICE}", "", "the lab emulates, which is slow, but works")
    boots = remembered()
    if boots is None:
        return Finding("lab: KVM", True, f"{DEVICE} is there; the first `blkmq lab run` tries it")
    return Finding("lab: KVM", boots, "works" if boots else "no guest boots with it", "", "the lab emulates meanwhile")
