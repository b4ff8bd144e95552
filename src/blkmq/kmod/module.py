# SPDX-License-Identifier: MIT
"""A driver class as a module: typed program, text, kbuild."""

from __future__ import annotations

from dataclasses import dataclass

from blkmq.compiler.frontend.translate import translate
from blkmq.kmod.build import Headers, build_module
from blkmq.kmod.driver_text import driver_text
from blkmq.kmod.kernel_lacks import refuse_what_the_kernel_lacks
from blkmq.kmod.names import Names
from blkmq.mq.operations import Operations


@dataclass(frozen=True)
class ModuleText:
    """What a driver becomes before a kernel is known."""

    names: Names
    text: str

    def build(self, headers: Headers) -> bytes:
        """The bytes of the ``.ko``; a BlkmqError says why there is none."""
        return build_module(self.text, self.names.module, headers)


def module_text(cls: type[Operations], stem: str, asked: str | None = None, by_hand: str = "") -> ModuleText:
    """The text of a driver whose file or entry point is called ``stem``; modes are not folded: parameters set them.

    A Refused says what no compiled driver, or no module, can have.
    """
    program = translate(cls, None, fold=False)
    refuse_what_the_kernel_lacks(cls, program)
    names = Names.of(cls, stem, asked)
    return ModuleText(names, driver_text(cls, program, names, by_hand))
