# SPDX-License-Identifier: MIT
"""Changing attributes of disks in service.  C twins: null_blk's configfs stores, ``blk_mq_update_nr_hw_queues``.

The tag set is frozen meanwhile: what is in flight ends, what comes waits.  The driver's ``configure`` runs again, with
the new attributes; it may ask for another number of hardware queues, for nothing else.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from blkmq.dispatch.configured import Configured
from blkmq.dispatch.running_set import RunningSet
from blkmq.mq.configuration import attributes_of, configuration_of, values_of
from blkmq.mq.errors import BlkmqError, ConfigError
from blkmq.mq.operations import Operations

FREEZE_SEC = 20.0  #: what is in flight ends by then, or the change is refused
NUMBERS = ("nr_hw_queues", "nr_default_queues", "nr_read_queues", "nr_poll_queues")  #: of a tag set: they may change


class QueueRunner(Protocol):
    """Whatever of a door runs one hardware queue. C: ``blk_mq_freeze_queue``."""

    def freeze(self) -> None:
        """Gives no more tags."""

    def is_still(self, until: float) -> bool:
        """Whether what was in flight has ended, by that time of the monotonic clock at the latest."""
        ...

    def unfreeze(self) -> None:
        """Goes on."""


class ChangingDoor(Protocol):
    """A door whose hardware queues may come and go."""

    def runners(self) -> Sequence[QueueRunner]:
        """What runs its queues now; OSError if it is closed."""
        ...

    def drop_queues(self, nr_hw_queues: int) -> None:
        """Stops running all but that many; what waits on the others goes to those."""

    def run_queues(self) -> None:
        """Runs the set's queues, those that are new too."""


def change_attributes(running: RunningSet, door: ChangingDoor, attributes: Mapping[str, Any]) -> None:
    """Gives all disks of a set new values of live attributes; ConfigError, and nothing changes, if one cannot be."""
    with running.change_lock:
        before = [disk.driver.config for disk in running.disks]
        configs = [_changed(disk.driver, attributes) for disk in running.disks]
        told = _told(attributes)
        runners = door.runners()
        try:
            if not _freeze(runners):
                raise ConfigError(*told, "waits for requests that do not end (EBUSY)",
                                  hint="`blkmq show` tells which they are", errno=errno.EBUSY)  # fmt: skip
            _set_configs(running, configs)
            try:
                _follow(running, door, running.configure(), told)
            except BaseException:
                _set_configs(running, before)
                with contextlib.suppress(BlkmqError):  # it is what held before
                    running.configure()
                raise
        finally:
            for runner in runners:
                runner.unfreeze()


def _freeze(runners: Sequence[QueueRunner]) -> bool:
    """Lets nothing more in, and waits for what is in flight; False: that did not end in time."""
    until = time.monotonic() + FREEZE_SEC
    for runner in runners:
        runner.freeze()
    return all(runner.is_still(until) for runner in runners)


def _changed(driver: Operations, attributes: Mapping[str, Any]) -> Any:
    """The driver's configuration with other values for some live attributes."""
    config = driver.config
    changed = configuration_of(type(driver), {**values_of(driver), **attributes})  # what is wrong is told as such
    live = [attribute.name for attribute in attributes_of(type(driver)) if attribute.live]
    for name, value in attributes.items():
        if name not in live:
            hint = f"live attributes: {', '.join(live)}; for another" if live else "none is declared Live[…]; as it is"
            raise ConfigError(name, value, "is fixed while the disk is in service (EBUSY)",
                              hint=f"{hint}: `blkmq del` it and `blkmq add` it anew", errno=errno.EBUSY)  # fmt: skip
    known = config.notes() if hasattr(config, "notes") else []
    for note in changed.notes() if hasattr(changed, "notes") else []:
        if note not in known:  # a disk that is made takes what comes nearest; one in service keeps what it has
            raise ConfigError(*_told(attributes), f"would be adjusted: {note}",
                              hint="that is for `blkmq add`; in service, give the value that is meant")  # fmt: skip
    return changed


def _told(attributes: Mapping[str, Any]) -> tuple[str, Any]:
    """Names and values, for an error about all of them."""
    if len(attributes) == 1:
        return next(iter(attributes.items()))
    return ", ".join(attributes), ", ".join(map(str, attributes.values()))


def _set_configs(running: RunningSet, configs: list[Any]) -> None:
    for disk, config in zip(running.disks, configs, strict=True):
        object.__setattr__(disk.driver, "config", config)
        running.executable.set_config(running, disk.index, config)


def _differing(one: Any, other: Any) -> list[str]:
    """Names of the fields in which two nouns differ."""
    names = [field.name for field in dataclasses.fields(one)]
    return [name for name in names if getattr(one, name) != getattr(other, name)]


def _follow(running: RunningSet, door: ChangingDoor, asked: Configured, told: tuple[str, Any]) -> None:
    """Makes what drivers ask for hold."""
    held = Configured(running.tag_set, [disk.limits for disk in running.disks])
    changed = [name for name in _differing(asked.tag_set, held.tag_set) if name not in NUMBERS]
    for new, old in zip(asked.limits, held.limits, strict=True):
        changed += _differing(new, old)
    if changed:
        raise ConfigError(*told, f"would change what is fixed in service: {', '.join(dict.fromkeys(changed))} (EBUSY)",
                          hint="`configure` may ask for other queues, for nothing else", errno=errno.EBUSY)  # fmt: skip
    wanted = asked.tag_set.nr_hw_queues
    if wanted != asked.nr_hw_queues:
        raise ConfigError(*told, f"asks for {asked.nr_hw_queues} hardware queues; there can be {wanted}",
                          hint="one for each CPU")  # fmt: skip
    if wanted < len(running.queues):
        door.drop_queues(wanted)
        running.take_up(asked)
        running.drop_queues(wanted)
    else:
        running.take_up(asked)
        try:
            running.add_queues(wanted)
        except BaseException:
            running.take_up(held)
            raise
    door.run_queues()
