# SPDX-License-Identifier: MIT
"""Where the interpreted target counts its fuel."""

from __future__ import annotations

import blkmq
from blkmq.compiler.interpreted import fuel
from blkmq.drivers.ramdisk import RamDisk


def test_after_a_callback_fuel_is_not_counted_in_the_calls_memory() -> None:
    with blkmq.serve(RamDisk(size=1), via="in_process", target="interpreted"):
        pass
    assert isinstance(fuel.frame.meter, fuel.Tank)
    fuel.burn(1)
