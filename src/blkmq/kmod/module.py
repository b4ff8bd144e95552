# SPDX-License-Identifier: MIT
"""A driver class as a module: typed program, text, kbuild."""

from __future__ import annotations

from dataclasses import dataclass

from blkmq.compiler.frontend.translate import translate
from blkmq.compiler.program import Program
from blkmq.kmod.build import build_module
from blkmq.kmod.driver_text import driver_text
from blkmq.kmod.kbuild import Headers
from blkmq.kmod.kernel_api import kernel_api
from blkmq.kmod.kernel_lacks import refuse_what_the_glue_lacks, refuse_what_this_kernel_lacks
from blkmq.kmod.names import Names
from blkmq.mq.operations import Operations


@dataclass(frozen=True)
class ModuleText:
    """What a driver becomes before a kernel is known."""

    program: Program
    names: Names
    text: str

    def build(self, headers: Headers, *make: str) -> bytes:
        """The bytes of the ``.ko``; a BlkmqError says why there is none, ``make`` are words for kbuild."""
        api = kernel_api(headers)
        refuse_what_this_kernel_lacks(self.program, api.lacking, headers.path.name)
        return build_module(self.text, self.names.module, headers, api, *make)


def module_text(cls: type[Operations], stem: str, asked: str | None = None, by_hand: str = "") -> ModuleText:
    """The text of a driver whose file or entry point is called ``stem``; modes are not folded: parameters set them.

    A Refused says what no compiled driver, or no module, can have.
    """
    program = translate(cls, None, fold=False)
    refuse_what_the_glue_lacks(cls, program)
    names = Names.of(cls, stem, asked)
    return ModuleText(program, names, driver_text(cls, program, names, by_hand))
