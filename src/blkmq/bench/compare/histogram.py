# SPDX-License-Identifier: MIT
"""Instructions by function: the counter's blocks, and the guest's symbols."""

from __future__ import annotations

import bisect
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

#: What only a driver calls, or blk-mq for it because of a flag that it sets: lookups in its trees, its lock, SRCU
#: of BLK_MQ_F_BLOCKING, handing a completion to the softirq.
CALLED_BY_DRIVERS = re.compile(
    r"__radix_tree_lookup|radix_tree_\w+|xas_\w+|xa_load|__srcu_read_(un)?lock|"
    r"blk_mq_complete_request(_remote)?|rust_helper_\w+|_RN.*6kernel5block.*"
)
#: The data itself; its cost is the processor's, and QEMU's, which counts each turn of a repeated instruction.
MOVES_DATA = re.compile(r"memcpy(_orig|_erms)?|memset(_orig|_erms)?|__memcpy|__memset|clear_page\w*|rep_movs\w*")
USER = "a user program"


@dataclass(frozen=True, order=True)
class Symbol:
    """A function, and its module; ``""`` is the kernel itself."""

    address: int
    name: str
    module: str = ""


def read_symbols(lines: Iterable[str]) -> list[Symbol]:
    """The code in ``/proc/kallsyms``, by address."""
    symbols = []
    for line in lines:
        address, kind, name, *module = line.split()
        if kind in "tTwW":
            symbols.append(Symbol(int(address, 16), name, module[0].strip("[]") if module else ""))
    return sorted(symbols)


@dataclass(frozen=True)
class Histogram:
    """Instructions of one I/O, by function."""

    counts: dict[Symbol, float]

    @classmethod
    def read(cls, lines: Iterable[str], symbols: list[Symbol], nr_ios: int) -> Histogram:
        addresses = [symbol.address for symbol in symbols]
        counts: Counter[Symbol] = Counter()
        for line in lines:
            address, nr_instructions, executions = line.split()
            place = bisect.bisect_right(addresses, int(address, 16)) - 1
            symbol = symbols[place] if place >= 0 else Symbol(0, USER)
            counts[symbol] += int(nr_instructions) * int(executions)
        return cls({symbol: count / nr_ios for symbol, count in counts.items()})

    @property
    def total(self) -> float:
        """All but the program's own, which is the same for every driver."""
        return sum(count for symbol, count in self.counts.items() if symbol.name != USER)

    def own(self, module: str) -> dict[Symbol, float]:
        """What a driver's module costs, but for moving data."""
        return {
            symbol: count
            for symbol, count in self.counts.items()
            if symbol.module == module or CALLED_BY_DRIVERS.fullmatch(symbol.name)
        }

    @property
    def data(self) -> float:
        """What moving data costs."""
        return sum(count for symbol, count in self.counts.items() if MOVES_DATA.fullmatch(symbol.name))
