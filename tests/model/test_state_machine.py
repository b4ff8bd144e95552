# SPDX-License-Identifier: MIT
"""Whatever the requests, their order and the driver's moods: the disk is what a bytearray would be."""

from __future__ import annotations

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from blkmq import Operations, Request
from blkmq.drivers.ramdisk import RamDisk
from blkmq.testing.moody import Mood, Moody, mood_of
from tests.model.disk_machine import DiskMachine
from tests.targets import TARGETS

EXAMPLES = max(settings.default.max_examples // 2, 20)
STEPS = 30


def run(driver: type[Operations], target: str, examples: int = EXAMPLES, **more: object) -> None:
    members = {"driver": driver, "target": target, "moody": issubclass(driver, Moody)}
    machine = type("Machine", (DiskMachine,), members)
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(max_examples=examples, stateful_step_count=STEPS, **more),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("driver", [RamDisk, Moody], ids=lambda driver: driver.__name__)
def test_the_disk_is_a_bytearray(driver: type[Operations], target: str) -> None:
    run(driver, target)


# --- the machine can fail ----------------------------------------------------------------------------------------
class LosesRequeued(Moody):
    """A request that comes back is ended without its data."""

    def finish(self, rq: Request) -> None:
        if mood_of(rq) == Mood.REQUEUED:
            rq.end()
        else:
            super().finish(rq)


class ErasesTooMuch(Moody):
    """A discard takes the page behind its range along."""

    def discard(self, rq: Request) -> None:
        super().discard(rq)
        self.store.erase((rq.sector + rq.nr_sectors >> 3) + 1)


class EndsWithheld(Moody):
    """A request that was to be withheld is ended well."""

    def queue_rq(self, hctx, rq, is_last):  # type: ignore[no-untyped-def]
        status = super().queue_rq(hctx, rq, is_last)
        if mood_of(rq) == Mood.WITHHELD:
            rq.end()
        return status


@pytest.mark.parametrize("driver", [LosesRequeued, ErasesTooMuch, EndsWithheld], ids=lambda driver: driver.__name__)
def test_a_driver_that_is_wrong_is_found(driver: type[Operations]) -> None:
    with pytest.raises(AssertionError):
        run(driver, "interpreted", 200, phases=[Phase.generate], report_multiple_bugs=False, print_blob=False)
