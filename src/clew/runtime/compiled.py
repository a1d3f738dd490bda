"""Kernels from LLVM's language to machine code, as bytes that can be kept, and as addresses that can be called."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

from clew.runtime.kernels import runner
from clew.runtime.target import Target

Key = tuple[ModuleType, Any, bool]  # the kernel's module, what it is made for, whether in fp16


def module_of(kernels: Mapping[Key, str], target: Target) -> ir.Module:
    """All kernels, each under its name, and the runner."""
    module = ir.Module("clew")
    module.triple = target.triple
    for (kind, shape, half), name in kernels.items():
        kind.emit(module, name, shape, target, half)
    runner.emit(module)
    return module


def machine(target: Target) -> llvm.TargetMachine:
    """LLVM's compiler for a target."""
    found = llvm.Target.from_triple(target.triple)
    return found.create_target_machine(cpu=target.cpu, features=target.features, opt=2, reloc="pic", jit=True)


def object_code(module: ir.Module, target: Target) -> bytes:
    """Machine code of a module, as an object file."""
    parsed = llvm.parse_assembly(str(module))
    parsed.verify()
    compiler = machine(target)
    options = llvm.create_pipeline_tuning_options(speed_level=1)
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = False
    passes = llvm.create_pass_builder(compiler, options)
    passes.getModulePassManager().run(parsed, passes)
    return bytes(compiler.emit_object(parsed))


class Code:
    """Machine code in memory: it stays as long as this does."""

    def __init__(self, code: bytes, target: Target) -> None:
        empty = llvm.parse_assembly("")
        empty.triple = target.triple
        self._engine = llvm.create_mcjit_compiler(empty, machine(target))
        self._object = llvm.ObjectFileRef.from_data(code)
        self._engine.add_object_file(self._object)
        self._engine.finalize_object()

    def address(self, name: str) -> int:
        """Where a function begins; raises ValueError when there is none of this name."""
        found = self._engine.get_function_address(name)
        if not found:
            raise ValueError(f"the machine code has no function {name!r}")
        return int(found)
