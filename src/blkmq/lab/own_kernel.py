# SPDX-License-Identifier: MIT
"""A kernel that the user brings: an image, and its modules from anywhere."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

from blkmq.lab.directory import lab_directory
from blkmq.lab.lab_error import LabError, LabExit
from blkmq.lab.tool import program, require


def own_kernel(vmlinuz: Path, modules: Path | None) -> Path:
    """The image at a place from where its modules are found: a root of links in the lab's directory."""
    require("boot")
    release = _release(vmlinuz)
    key = hashlib.sha256(f"{vmlinuz} {modules}".encode()).hexdigest()[:16]
    root = lab_directory("own", key)
    shutil.rmtree(root / "lib", ignore_errors=True)
    (root / "lib/modules").mkdir(parents=True)
    if modules:
        if not (modules / "modules.dep").is_file():
            hint = f"name the directory that has kernel/, and run `depmod` for it: lib/modules/{release}"
            raise LabError(LabExit.VM_BROKE, f"{modules}: no modules.dep", hint=hint)
        if (theirs := modules.name) != release and re.match(r"\d+\.\d+", theirs):
            hint = f"give lib/modules/{release}"
            raise LabError(LabExit.VM_BROKE, f"{modules}: not of {vmlinuz}, which is {release}", hint=hint)
        (root / "lib/modules" / release).symlink_to(modules)
    (root / "boot").mkdir(exist_ok=True)
    image = root / "boot" / f"vmlinuz-{release}"
    shutil.copyfile(vmlinuz, image)  # a link would be followed to where its modules are not
    return image


def _release(vmlinuz: Path) -> str:
    """What ``uname -r`` will say, from the header of a bzImage."""
    told = subprocess.run([program("file"), "-bL", str(vmlinuz)], capture_output=True, text=True, check=False).stdout
    found = re.search(r"version (\S+)", told)
    if found is None:
        raise LabError(LabExit.VM_BROKE, f"{vmlinuz}: not a Linux kernel image", hint="a bzImage is wanted")
    return found[1]
