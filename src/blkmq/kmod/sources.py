# SPDX-License-Identifier: MIT
"""The files that a module is built from."""

from __future__ import annotations

from pathlib import Path

from blkmq.compiler.c.build import CONTRACT
from blkmq.kmod.views import views_text

GLUE = Path(__file__).parent / "glue"
SHARED = ("contract.h", "page.h", "ranges.h")  #: of native/c
STACK_BYTES_MAX = 1024  #: of a callback

KBUILD = """# SPDX-License-Identifier: GPL-2.0-only OR MIT
obj-m := {module}.o
{module}-y := driver.o
ccflags-y := -I$(src) -Wframe-larger-than={stack}
"""


def glue_sources() -> dict[str, str]:
    """The glue, by file name."""
    paths = [*sorted(GLUE.glob("*.h")), *(CONTRACT / name for name in SHARED)]
    return {path.name: path.read_text() for path in paths}


def write_sources(directory: Path, text: str, module: str, kernel: str) -> None:
    """All that kbuild needs, in a directory of its own; ``kernel`` is blkmq_kernel.h."""
    files = glue_sources() | {
        "blkmq_views.h": views_text(),
        "blkmq_kernel.h": kernel,
        "driver.c": text,
        "Kbuild": KBUILD.format(module=module, stack=STACK_BYTES_MAX),
    }
    for name, content in files.items():
        (directory / name).write_text(content)
