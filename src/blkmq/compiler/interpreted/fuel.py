# SPDX-License-Identifier: MIT
"""Fuel of the interpreted target: every back edge of a loop burns 1, so that no callback can hang."""

from __future__ import annotations

import threading
from typing import Protocol

from blkmq.mq.errors import DriverFuelError

NO_LIMIT = 1 << 63  #: of a thread that is in no callback


class Meter(Protocol):
    """Whatever counts the fuel: dispatch's record of the call in progress, or a :class:`Tank`."""

    fuel: int


class Tank:
    """Fuel that is counted here, for drivers that are called without dispatch."""

    def __init__(self, fuel: int) -> None:
        self.fuel = fuel


class Frame(threading.local):
    """The callback that this thread is in."""

    def __init__(self) -> None:
        self.meter: Meter = Tank(NO_LIMIT)
        self.left_at: tuple[str, int] = ("?", 0)  #: where a callback returned something else than OK

    @property
    def fuel(self) -> int:
        """What is left."""
        return self.meter.fuel

    @fuel.setter
    def fuel(self, fuel: int) -> None:
        self.meter.fuel = fuel


frame = Frame()


def burn(amount: int) -> None:
    """Takes fuel; a DriverFuelError when it is used up."""
    meter = frame.meter
    left = meter.fuel - amount
    meter.fuel = left
    if left < 0:
        raise DriverFuelError("out of fuel: the callback does not end")
