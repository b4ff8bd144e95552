# SPDX-License-Identifier: MIT
"""The log checker against logs of each kind.

Those in ``logs/`` were recorded with the module in ``provoke/``, built for 7.3 in the lab's build root::

    blkmq lab run -- sh tests/lab/provoke/record.sh PROVOKE.KO warning shift refcount hung stall list oops bug atomic

``lockup.txt`` is from a guest whose host stood still; ``clean.txt`` is a whole boot with null_blk loaded.  Those below
are put together from the kernel's own documentation, for the checkers that Debian's kernels do not have.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blkmq.lab.kernel_log import KINDS, kind_of, reports

LOGS = Path(__file__).parent / "logs"

RECORDED = {
    "warning": ["WARNING: provoke.c:"],
    "shift": ["UBSAN: shift-out-of-bounds in provoke.c:"],
    "refcount": ["corruption: refcount_t: addition on 0; use-after-free."],
    "hung": ["hung task: INFO: task provoked:"] * 3,
    "stall": ["RCU stall: rcu: INFO: rcu_preempt self-detected stall on CPU"],
    "list": ["corruption: list_add corruption.", "Oops: kernel BUG at lib/list_debug.c:29!"],
    "oops": ["Oops: BUG: kernel NULL pointer dereference, address: 0000000000000008"],
    "bug": ["Oops: kernel BUG at provoke.c:"],
    "atomic": ["sleeping in atomic context: BUG: scheduling while atomic: provoked/"] * 2,
    "panic": ["panic: Kernel panic - not syncing: provoked"],
    "lockup": [
        "lockup: watchdog: BUG: soft lockup - CPU#0 stuck for 27s!",
        "RCU stall: rcu: INFO: rcu_preempt self-detected stall on CPU",
        "lockup: watchdog: BUG: soft lockup - CPU#1 stuck for 45s!",
        "lockup: watchdog: BUG: soft lockup - CPU#1 stuck for 22s!",
    ],
    "clean": [],
}

DOCUMENTED = {
    "KASAN": """\
==================================================================
BUG: KASAN: slab-out-of-bounds in kmalloc_oob_right+0xa8/0xbc [kasan_test]
Write of size 1 at addr ffff8801f44ec37b by task insmod/2760

CPU: 1 PID: 2760 Comm: insmod Not tainted 4.19.0-rc3+ #698
Call Trace:
 dump_stack+0x94/0xd8
 print_address_description+0x6f/0x280
==================================================================
Disabling lock debugging due to kernel taint
""",
    "lockdep": """\
======================================================
WARNING: possible circular locking dependency detected
7.3.4 #1 Not tainted
------------------------------------------------------
insmod/200 is trying to acquire lock:
stack backtrace:
 <TASK>
 lock_acquire+0x10/0x20
 </TASK>
""",
    "sleeping in atomic context": """\
BUG: sleeping function called from invalid context at block/blk-mq.c:2161
in_atomic(): 1, irqs_disabled(): 0, non_block: 0, pid: 200, name: insmod
Call Trace:
 <TASK>
 __might_resched+0x10/0x20
 </TASK>
""",
    "kmemleak": "kmemleak: 1 new suspected memory leaks (see /sys/kernel/debug/kmemleak)\n",
    "KFENCE": """\
==================================================================
BUG: KFENCE: out-of-bounds read in test_out_of_bounds_read+0xa6/0x234

Out-of-bounds read at 0xffff8c3f2e291fff (1B left of kfence-#72):
==================================================================
""",
    "KCSAN": """\
==================================================================
BUG: KCSAN: data-race in test_kernel_read / test_kernel_write

write to 0xffffffffc009a628 of 8 bytes by task 487 on cpu 0:
==================================================================
""",
}


def read(name: str) -> str:
    return (LOGS / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", RECORDED)
def test_recorded(name: str) -> None:
    found = reports(read(name))
    assert len(found) == len(RECORDED[name])
    for report, beginning in zip(found, RECORDED[name], strict=True):
        assert str(report).startswith(beginning)
        assert report.headline in read(name).splitlines()[report.line - 1]


def test_each_recording_is_looked_at() -> None:
    assert {path.stem for path in LOGS.iterdir()} == set(RECORDED)


@pytest.mark.parametrize("kind", DOCUMENTED)
def test_documented(kind: str) -> None:
    plain = DOCUMENTED[kind]
    stamped = "".join(f"[   12.345678] {line}\n" for line in plain.splitlines())
    with_callers = "".join(f"[   12.345678][  T123] {line}\n" for line in plain.splitlines())
    for text in (plain, stamped, with_callers):
        assert [report.kind for report in reports(text + "[   13.000000] virtio: all is well\n")] == [kind]


def test_every_kind_is_shown_in_some_log() -> None:
    logs = [*map(read, RECORDED), *DOCUMENTED.values(), "BUG: something new\n"]
    assert {report.kind for log in logs for report in reports(log)} == set(KINDS)


@pytest.mark.parametrize("name", ["warning", "shift", "refcount", "oops", "bug", "atomic", "hung"])
def test_a_report_has_its_whole_text(name: str) -> None:
    for report in reports(read(name)):
        assert report.text.splitlines()[-1].endswith(("]---", "</TASK>"))
        assert "Call Trace:" in report.text


def test_what_comes_after_a_report_is_seen() -> None:
    log = read("warning") + read("clean") + read("oops") + read("panic")
    assert [report.kind for report in reports(log)] == ["WARNING", "Oops", "panic"]


def test_a_panic_is_seen_behind_a_report_without_an_end() -> None:
    log = "[    1.0] WARNING: CPU: 0 PID: 1 at mm/x.c:1 f+0x1/0x2\n[    2.0] Kernel panic - not syncing: now\n"
    assert [report.kind for report in reports(log)] == ["WARNING", "panic"]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("watchdog: CPU0: Watchdog detected hard LOCKUP on cpu 1", "lockup"),  # kernel/watchdog.c
        ("NMI watchdog: Watchdog detected hard LOCKUP on cpu 1", "lockup"),  # the same, until 6.4
        ("INFO: task my prog:123 blocked for more than 120 seconds.", "hung task"),
        ("INFO: rcu_tasks detected stalls on tasks:", "RCU stall"),  # kernel/rcu/tasks.h
        ("rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:", "RCU stall"),  # kernel/rcu/tree_stall.h
        ("traps: PANIC: double fault, error_code: 0x0", "Oops"),  # arch/x86/kernel/traps.c
        ("alignment check: 0000 [#1] SMP", "Oops"),  # arch/x86/kernel/dumpstack.c, before 6.4 without "Oops: "
        ("list_add double add: new=1, prev=1, next=2.", "corruption"),  # lib/list_debug.c
    ],
)
def test_a_line_of_the_kernels_source(line: str, kind: str) -> None:
    assert kind_of(line) == kind_of(f"[   12.345678] {line}") == kind


@pytest.mark.parametrize(
    "line",
    [
        "Warning: unable to open an initial console.",
        "[    1.000000] ACPI: BUG in firmware tables, ignored",
        "[    3.1] FAULT_INJECTION: forcing a failure.",
        "[    1.0] mce: [Hardware Info]: Machine check events logged",
        "debug: WARNING is a word",
        "",
    ],
)
def test_harmless_lines(line: str) -> None:
    assert kind_of(line) is None


@given(st.text(), st.sampled_from(sorted(RECORDED)))
def test_any_text_can_be_read(text: str, name: str) -> None:
    """Whatever a program writes to the console before: no error, and no report that its lines do not begin."""
    beginnings = [line for line in text.splitlines() if kind_of(line.rstrip())]
    assert bool(reports(text)) == bool(beginnings)
    if not beginnings:
        assert len(reports(f"{text}\n{read(name)}")) == len(RECORDED[name])
