# SPDX-License-Identifier: MIT
"""Machine code as a file: Numba makes it once, and LLVM alone loads it from then on.

Numba takes half a second to import and tens of megabytes to have; what is compiled needs neither.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import llvmlite.binding as llvm

from blkmq.native.cache import CODE, write_once
from blkmq.native.hot import APART, CELL_PREFIX

SYMBOL_PREFIX = "blkmq_"  #: keeps an entry's name apart from those of the C library


@dataclass(frozen=True)
class Code:
    """The machine code of one printed text, in memory."""

    addresses: Mapping[str, int]  #: of its entries
    calls: tuple[str, ...]  #: the files, named as modules, whose functions it calls through a cell
    keep: object  #: what owns the memory


def make_code(source: Path) -> None:
    """Compiles a kept text, here, and keeps its machine code."""
    module = imported(f"blkmq_printed_{source.parent.name}_{source.stem}", source)
    functions = {name: value for name, value in vars(module).items() if hasattr(value, "native_name")}
    write_once(source.with_name(CODE), pack(functions))


def imported(full_name: str, path: Path) -> ModuleType:
    """A printed text as a module; Numba compiles what it has to call."""
    spec = importlib.util.spec_from_file_location(full_name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[full_name] = module
    collects = gc.isenabled()
    gc.disable()  # the compiler's objects live until it is done: looking for garbage takes a tenth of its time
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[full_name]
        if collects:
            gc.enable()
    return module


def pack(functions: Mapping[str, Any]) -> bytes:
    """Numba's callbacks by their names, as an object file with a line of JSON before it."""
    module = llvm.parse_assembly("")
    for name, function in functions.items():
        part = llvm.parse_assembly(function.inspect_llvm())
        part.get_function(function.native_name).name = SYMBOL_PREFIX + name
        module.link_in(part)
    machine = _target_machine()
    _reduce(module, {SYMBOL_PREFIX + name for name in functions}, machine)
    calls = sorted(item.name.removeprefix(CELL_PREFIX) for item in module.global_variables
                   if item.name.startswith(CELL_PREFIX))  # fmt: skip
    head = json.dumps({"entries": list(functions), "calls": calls})
    return b"\n".join([head.encode(), machine.emit_object(module)])


def _reduce(module: Any, entries: set[str], machine: Any) -> None:
    """Removes what Numba's functions have for exceptions, which ours never raise: it would need Numba's runtime."""
    for function in module.functions:
        if not function.is_declaration and function.name not in entries:
            function.linkage = "internal"
    passes = llvm.create_new_module_pass_manager()
    passes.add_ipsccp_pass()
    passes.add_simplify_cfg_pass()
    passes.add_global_dead_code_eliminate_pass()
    passes.add_strip_dead_prototype_pass()
    passes.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options()))
    foreign = [item.name for item in module.functions if item.name.startswith(("Py", "NRT_", "numba_"))]
    assert not foreign, f"compiled code calls Python: {foreign}"


def unpack(data: bytes) -> Code:
    """The packed code, loaded.  What it calls apart is bound to cells, not loaded."""
    head, _, content = data.partition(b"\n")
    told = json.loads(head)
    for file in told["calls"]:
        if file not in APART:
            import_module(file)
        llvm.add_symbol(CELL_PREFIX + file, APART[file].cell_address)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target_machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(content))
    engine.finalize_object()
    addresses = {name: engine.get_function_address(SYMBOL_PREFIX + name) for name in told["entries"]}
    return Code(addresses, tuple(told["calls"]), engine)


def _target_machine() -> Any:
    """As Numba's own: code for the same processor, at addresses that do not change."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    cpu = os.environ.get("NUMBA_CPU_NAME") or llvm.get_host_cpu_name()
    features = os.environ.get("NUMBA_CPU_FEATURES")
    if features is None:
        features = llvm.get_host_cpu_features().flatten()
    reloc = "static" if target.name.startswith("x86") else "default"
    return target.create_target_machine(
        cpu=cpu, features=features, opt=3, reloc=reloc, codemodel="jitdefault", jit=True
    )
