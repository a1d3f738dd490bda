"""Copies numbers of fp32: vectors laid one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clew.runtime.kernels.emit import Kernel, ir
from clew.runtime.target import Target

ARGS = ("input", "output", "count", "before")  # `before` numbers of the output


@dataclass(frozen=True)
class Copy:
    """`outside`: from an address, else from the arena."""

    outside: bool = False


def emit(module: Any, name: str, shape: Copy, target: Target, half: bool) -> None:
    """Writes the kernel."""
    k = Kernel(module, name, target)
    b = k.b
    floats = ir.FloatType().as_pointer()
    source = k.table(0, ir.FloatType()) if shape.outside else b.bitcast(k.place(0), floats)
    output = b.gep(b.bitcast(k.place(1), floats), [k.arg(3)])
    first, last = k.share(k.arg(2))
    with k.loop(first, last) as at:
        b.store(b.load(b.gep(source, [at.index])), b.gep(output, [at.index]))
    k.done()
