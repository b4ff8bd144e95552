# SPDX-License-Identifier: MIT
"""The C printer's text: readable, mapped back to the source, and nothing that a kernel cannot have."""

from __future__ import annotations

import platform
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from blkmq import BlkStatus, HwCtx, Operations, PageStore, Request, SpinLock, s64, u32
from blkmq.compiler.c.build import CONTRACT, build_c, run_gcc
from blkmq.compiler.c.expression import c_name
from blkmq.compiler.c.printer import MAX_COLUMNS, print_c, wrapped
from blkmq.compiler.frontend.translate import translate
from blkmq.compiler.program import (
    Assign,
    Binary,
    Check,
    Compare,
    Continue,
    Do,
    Entry,
    Fetch,
    Field,
    Function,
    Guard,
    If,
    Int,
    Kind,
    Local,
    Locked,
    Loop,
    Parameter,
    Place,
    Program,
    Record,
    Return,
    Root,
    Store,
    Type,
)
from blkmq.compiler.walk import statements_in
from blkmq.dispatch.c_layout import c_layout
from blkmq.drivers.ramdisk import RamDisk
from blkmq.mq.errors import BlkmqError, Fault
from blkmq.mq.integer import Sized

S64, BOOL, NONE = Type(Kind.S64), Type(Kind.BOOL), Type(Kind.NONE)
COUNTS = Field("counts", Sized("u32", 32, False), length=8)
LOCK = Field("lock", noun="SpinLock")
TINY = Record("tiny", (COUNTS, LOCK))


def tiny(*functions: Function, entries: tuple[Entry, ...] = ()) -> Program:
    """A program by hand: one record with counters and a lock."""
    empty = tuple(Record(f"tiny_{role}", ()) for role in ("config", "pdu", "hw", "shared"))
    return Program("Tiny", "tiny", ("/src/tiny.py",), (empty[0], TINY, *empty[1:]), functions, entries)


def local(name: str, kind: Type = S64) -> Local:
    return Local(kind, name)


REMAINDER = Binary(S64, "%", local("i"), local("divisor"))
COUNT = Function(
    "count",
    (Parameter("n", S64), Parameter("divisor", S64)),
    S64,
    [
        Assign(10, "i", Int(S64, 0)),
        Loop(
            10, [], Compare(BOOL, "<", local("i"), local("n")),
            [
                Guard(11, Check.DIVISOR, Fault.ZERO_DIVISION, local("i"), local("divisor")),
                If(11, Compare(BOOL, "==", REMAINDER, Int(S64, 0)), [Continue(12)], []),
                Locked(13, "SpinLock", Place(Root.SELF, ("lock",), LOCK), [
                    Fetch(14, "old", Place(Root.SELF, ("counts",), COUNTS, index=local("i")), True),
                    Assign(15, "new", Binary(S64, "+", local("old"), Int(S64, 1, "ONE"))),
                    Store(15, Place(Root.SELF, ("counts",), COUNTS, index=local("i")), local("new"), False, True),
                    If(16, Compare(BOOL, ">", local("new"), Binary(S64, "<<", Int(S64, 1), local("i"))), [
                        Return(17, local("new")),
                    ], []),
                ]),
            ],
            [Assign(10, "i", Binary(S64, "+", local("i"), Int(S64, 1)))],
        ),
        Return(18, Int(S64, -1)),
    ],
    {"i": S64, "old": S64, "new": S64},
    0, 9,
)  # fmt: skip

COUNT_TEXT = """\
/* count, tiny.py:9 */
static __always_inline s64 tiny_count(struct blkmq_call *call, struct tiny *self, s64 n,
		s64 divisor)
{
	s64 i = 0;
	s64 old = 0;
	s64 new = 0;

	for (i = 0; i < n; i++) {
		call->at = BLKMQ_AT(0, 11);
		if (unlikely(blkmq_bad_divisor(call, i, divisor)))
			return 0;
		if (blkmq_mod(i, divisor) == 0)
			goto next_1;
		call->at = BLKMQ_AT(0, 13);
		blkmq_spin_lock_enter(call, &self->lock);
		if (unlikely(call->error))
			return 0;
		call->at = BLKMQ_AT(0, 14);
		if (unlikely(blkmq_bad_index(call, i, 8)))
			return 0;
		old = READ_ONCE(self->counts[i]);
		new = old + 1 /* ONE */;
		call->at = BLKMQ_AT(0, 15);
		if (unlikely(blkmq_bad_index(call, i, 8)))
			return 0;
		if (unlikely(blkmq_bad_value(call, new, 0, 4294967295LL)))
			return 0;
		WRITE_ONCE(self->counts[i], new);
		if (new > (1LL << i)) {
			blkmq_spin_lock_exit(call, &self->lock);
			return new;
		}
		blkmq_spin_lock_exit(call, &self->lock);
next_1:
		call->at = BLKMQ_AT(0, 10);
		if (unlikely(blkmq_burn(call, 1)))
			return 0;
	}
	return -1;
}
"""


def test_text_of_a_program_by_hand() -> None:
    program = tiny(COUNT, entries=(Entry(3, "count", None),))
    text = print_c(program)
    assert COUNT_TEXT in re.sub(r"#line.*\n", "", text)
    assert re.sub(r"\t+call->at.*\n", "", COUNT_TEXT) in print_c(program, lines=False)
    assert "struct tiny {\n\tu32 counts[8];\n\tstruct blkmq_spin_lock lock;\n};\n" in text
    assert "struct tiny_pdu {\n\ts64 nothing;\n};\n" in text
    assert "\tcase 3:\n\t\treturn tiny_count(call, self, a, b);\n" in text


class Small(Operations):
    """A driver with little of everything."""

    store: PageStore
    lock: SpinLock

    class Pdu:
        tries: u32

    class Hw:
        nr: s64

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        rq.start()
        rq.pdu.tries += 1
        with self.lock:
            hctx.data.nr -= 1
        page = self.store.get(rq.sector >> 3)
        rq.end(BlkStatus.OK if page else BlkStatus.IOERR)
        return BlkStatus.OK


SMALL_TEXT = """\
	pdu = blkmq_request_pdu(call, rq);
	if (unlikely(call->error))
		return 0;
	pdu_tries = READ_ONCE(pdu->tries);
"""


def test_text_of_a_translated_driver() -> None:
    text = re.sub(r"#line.*\n", "", print_c(translate(Small)))
    assert SMALL_TEXT in text
    assert "struct small_pdu {\n\tu32 tries;\n};\n" in text
    assert "blkmq_page_present(page) ? 0 /* BlkStatus.OK */ : 10 /* BlkStatus.IOERR */" in text
    assert "small_queue_rq(call, self, blkmq_hw_ctx_from_word(a), blkmq_rq_from_word(b)," in text


# --- what every text must have ---------------------------------------------------------------------
PROGRAMS = {
    "by hand": tiny(COUNT, entries=(Entry(3, "count", None),)),
    "Small": translate(Small),
    "RamDisk": translate(RamDisk),
}


@pytest.fixture(params=PROGRAMS)
def program(request: pytest.FixtureRequest) -> Program:
    return PROGRAMS[request.param]


def located(text: str) -> Iterator[tuple[str, int, str]]:
    """File and line that ``#line`` gives each line of C."""
    file, line = "", 0
    for physical in text.splitlines():
        if directive := re.fullmatch(r'#line (\d+)(?: "(.*)")?', physical):
            line, file = int(directive[1]), directive[2] or file
        else:
            yield file, line, physical
            line += 1


def test_each_statement_maps_back_to_its_line(program: Program) -> None:
    seen: dict[int, str] = {}
    for file, line, text in located(print_c(program)):
        if marked := re.search(r"call->at = BLKMQ_AT\((\d+), (\d+)\)", text):
            assert (file, line) == (program.files[int(marked[1])], int(marked[2]))
        if file in program.files:
            seen[line] = seen.get(line, "") + text
    for function in program.functions:
        assert f"{program.snake_name}_{function.name}(" in seen[function.line]
        for statement in statements_in(function.body):
            wanted = getattr(statement, "target", "") or getattr(statement, "verb", "")
            assert wanted in seen[statement.line], statement


def test_lines_are_as_the_kernel_likes_them(program: Program) -> None:
    for line in print_c(program, lines=False).splitlines():
        assert len(line.expandtabs(8)) <= MAX_COLUMNS, line
        assert line == line.rstrip()
        assert not re.match(r"\t* +\S", line) or line.startswith(" *"), line


def test_text_includes_only_the_contract(program: Program) -> None:
    text = print_c(program)
    assert re.findall(r"#\s*include.*", text) == ['#include "contract.h"']
    code = re.sub(r'//.*|/\*[\s\S]*?\*/|#line.*|"[^"]*"|__always_inline', "", text)
    assert not re.search(r"\b(float|double|long|unsigned|alloca|malloc|printf|asm|__\w+)\b|\d\.\d", code)
    called = set(re.findall(r"\b(\w+)\(", code)) - {"if", "while", "for", "switch", "return"}
    macros = {
        "READ_ONCE",
        "WRITE_ONCE",
        "BLKMQ_AT",
        "BLKMQ_APART",
        "BLKMQ_APART_VOID",
        "BLKMQ_MODE",
        "unlikely",
        "min_t",
        "max_t",
    }
    own = {f"{program.snake_name}_{function.name}{apart}" for function in program.functions for apart in ("", "_apart")}
    assert {name for name in called if not name.startswith("blkmq_")} <= macros | own


TYPES_WITHOUT_LIBC = """
typedef __UINT8_TYPE__ u8; typedef __UINT16_TYPE__ u16; typedef __UINT32_TYPE__ u32; typedef unsigned long long u64;
typedef __INT8_TYPE__ s8; typedef __INT16_TYPE__ s16; typedef __INT32_TYPE__ s32; typedef long long s64;
typedef _Bool bool;
enum { false, true };
#define NULL ((void *)0)
#define S64_MAX 0x7fffffffffffffffLL
#define S64_MIN (-S64_MAX - 1)
#define likely(x) (x)
#define unlikely(x) (x)
#define noinline __attribute__((__noinline__))
#define __always_inline inline __attribute__((__always_inline__))
#define BLKMQ_WORDS(...) __VA_ARGS__
#define BLKMQ_APART(type, name, parameters, arguments) \\
static noinline type name##_apart(struct blkmq_call *call, BLKMQ_WORDS parameters) \\
{ return name(call, BLKMQ_WORDS arguments); }
#define BLKMQ_APART_VOID(name, parameters, arguments) BLKMQ_APART(void, name, parameters, arguments)
#define BLKMQ_MODE(attribute, field) READ_ONCE(field)
#define BLKMQ_NO_RQ ((struct blkmq_rq){ })
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, value) (*(volatile __typeof__(x) *)&(x) = (value))
#define min_t(type, a, b) ({ type a_ = (a), b_ = (b); a_ < b_ ? a_ : b_; })
s64 div64_s64(s64 dividend, s64 divisor);
struct blkmq_call { s64 fuel; s32 error, at; s64 value; s32 error_at; };
struct blkmq_rq { void *request; u32 generation; };
struct blkmq_page { void *page; };
struct blkmq_hw_ctx { void *hctx; };
struct blkmq_segment { int whatever[7]; };
struct blkmq_page_store { int tree; };
struct blkmq_spin_lock { int lock; };
struct blkmq_tag_set { u32 queue_depth; };
struct blkmq_limits { u32 logical_block_size, max_hw_discard_sectors, discard_granularity; };
struct blkmq_disk { u64 capacity_sectors; };
"""


@pytest.mark.parametrize("width", ["-m64", "-m32"])
@pytest.mark.skipif(platform.machine() != "x86_64", reason="cannot be had: the other word size of this machine")
def test_a_kernel_could_have_it(program: Program, width: str, tmp_path: Path) -> None:
    """No libc, no floating point, no 64-bit division helper: what stays undefined is the contract."""
    (tmp_path / "blkmq_types.h").write_text(TYPES_WITHOUT_LIBC)
    (tmp_path / "blkmq_verbs.h").write_text("/* the glue's */\n")
    calls = "".join(f"{name}," for name in (f"(void *){program.snake_name}_{f.name}" for f in program.functions))
    (tmp_path / "driver.c").write_text(f"{print_c(program)}\nvoid *const used[] = {{ {calls} }};\n")
    flags = [
        width, "-std=gnu11", "-O2", "-nostdinc", "-ffreestanding", "-mgeneral-regs-only", "-fno-strict-overflow",
        "-Werror=vla", "-Werror=declaration-after-statement", "-Werror=implicit-function-declaration", "-w", "-c",
    ]  # fmt: skip
    # The stand-in's own headers must not be found: only the contract, and the types above.
    command = [
        "gcc",
        f"-I{tmp_path}",
        f"-I{CONTRACT}",
        *flags,
        "-o",
        str(tmp_path / "driver.o"),
        str(tmp_path / "driver.c"),
    ]
    assert subprocess.run(command, capture_output=True, text=True, check=False).stderr == ""
    symbols = subprocess.run(["nm", "-u", str(tmp_path / "driver.o")], capture_output=True, text=True, check=True)
    undefined = {line.split()[-1] for line in symbols.stdout.splitlines()} - {"_GLOBAL_OFFSET_TABLE_"}
    assert undefined
    assert {name for name in undefined if not name.startswith("blkmq_")} <= {"div64_s64"}


# --- names, lines, and what goes wrong -----------------------------------------------------------------
def test_names_that_c_has_taken_are_changed() -> None:
    assert [c_name(name) for name in ("position", "int", "int_", "self", "größe")] == [
        "position", "int_", "int__", "self_", "gr_uf6_udfe",
    ]  # fmt: skip


def test_long_lines_are_broken() -> None:
    text = "\t\tresult = blkmq_some_verb(call, " + ", ".join(f"argument_{i}" for i in range(20)) + ");"
    parts = list(wrapped(text))
    assert len(parts) > 2
    assert all(len(part.expandtabs(8)) <= MAX_COLUMNS for part in parts)
    assert " ".join(part.strip() for part in parts) == text.strip()


def test_what_does_not_compile_is_shown_at_its_python_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLKMQ_CACHE_DIR", str(tmp_path / "cache"))
    wrong = Do(77, "", "PageStore", "no_such_verb", None, None, "", (), NONE, False)
    function = Function("f", (), NONE, [wrong], {}, 0, 70)
    with pytest.raises(BlkmqError, match=r"^/src/tiny\.py:77: the printed C does not compile: .*no_such_verb"):
        build_c(tiny(function, entries=(Entry(1, "f", None),)), c_layout())
    assert not list(tmp_path.rglob("*.so"))


def test_built_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLKMQ_CACHE_DIR", str(tmp_path / "cache"))
    path = build_c(PROGRAMS["Small"], c_layout())
    stamp = path.stat().st_mtime_ns
    monkeypatch.setenv("PATH", str(tmp_path))  # no gcc there
    assert build_c(PROGRAMS["Small"], c_layout()) == path
    assert path.stat().st_mtime_ns == stamp
    with pytest.raises(BlkmqError, match="apt-get install gcc"):
        run_gcc([], includes=[])
