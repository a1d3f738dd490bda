"""What every kernel is made with: its function, its arguments, loops, vectors.

A kernel is `void NAME(int64* args, int8* arena, int64 part, int64 parts)`: `args` are offsets into the arena, addresses
and counts, `part` of `parts` is the share of the work that this call does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from clew.runtime.target import Target

I8, I16, I32, I64 = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64)
BYTES = I8.as_pointer()
SIGNATURE = ir.FunctionType(ir.VoidType(), [I64.as_pointer(), BYTES, I64, I64])
LOWEST = {False: -3.0e38, True: -65504.0}  # below every number that a network makes, for fp32 and fp16


def whole(number: int) -> ir.Constant:
    """A constant of 64 bits."""
    return ir.Constant(I64, int(number))


@dataclass
class Turn:
    """A loop's turn: its `index`, the values `carried` into it, and `next`, those that it hands on."""

    index: Any
    carried: list[Any]
    next: Sequence[Any] = ()


class Kernel:
    """A function under construction, with the vectors of `target` in fp16 (`half`) or fp32."""

    def __init__(self, module: ir.Module, name: str, target: Target, half: bool = False) -> None:
        self.module, self.target, self.half = module, target, half
        self.element = ir.HalfType() if half else ir.FloatType()
        self.size = 2 if half else 4
        self.lanes = target.lanes(half)
        self.vector = ir.VectorType(self.element, self.lanes)
        self.function = ir.Function(module, SIGNATURE, name)
        self.args, self.arena, self.part, self.parts = self.function.args
        self.b = ir.IRBuilder(self.function.append_basic_block("entry"))

    def arg(self, place: int) -> Any:
        """A number among the arguments."""
        return self.b.load(self.b.gep(self.args, [whole(place)]))

    def place(self, at: int) -> Any:
        """A place in the arena, whose offset is an argument."""
        return self.b.gep(self.arena, [self.arg(at)])

    def table(self, at: int, kind: Any) -> Any:
        """A table of `kind`, whose address is an argument."""
        return self.b.inttoptr(self.arg(at), kind.as_pointer())

    def number(self, table: Any, index: Any) -> Any:
        """An entry of a table of whole numbers, in 64 bits; of 16 bits they have no sign."""
        found = self.b.load(self.b.gep(table, [index]))
        return self.b.zext(found, I64) if found.type.width == 16 else self.b.sext(found, I64)

    def share(self, count: Any) -> tuple[Any, Any]:
        """The first of `count` things that this part does, and the first that it does not."""
        b = self.b
        first = b.sdiv(b.mul(count, self.part), self.parts)
        return first, b.sdiv(b.mul(count, b.add(self.part, whole(1))), self.parts)

    @contextmanager
    def loop(self, start: Any, stop: Any, step: Any = None, carried: Sequence[Any] = ()) -> Iterator[Turn]:
        """From `start` to before `stop`; afterwards the turn's `carried` are what the last one handed on."""
        b, before = self.b, self.b.block
        head, body, after = (self.function.append_basic_block(name) for name in ("head", "body", "after"))
        b.branch(head)
        b.position_at_end(head)
        index = b.phi(I64)
        index.add_incoming(start, before)
        phis = [b.phi(value.type) for value in carried]
        for phi, value in zip(phis, carried, strict=True):
            phi.add_incoming(value, before)
        b.cbranch(b.icmp_signed("<", index, stop), body, after)
        b.position_at_end(body)
        turn = Turn(index, phis)
        yield turn
        index.add_incoming(b.add(index, step or whole(1)), b.block)
        for phi, value in zip(phis, turn.next, strict=True):
            phi.add_incoming(value, b.block)
        b.branch(head)
        b.position_at_end(after)

    def splat(self, value: Any) -> Any:
        """A vector of one number."""
        nothing = ir.Constant(self.vector, ir.Undefined)
        first = self.b.insert_element(nothing, value, ir.Constant(I32, 0))
        return self.b.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(I32, self.lanes), [0] * self.lanes))

    def constant(self, value: float) -> ir.Constant:
        """A vector of one constant."""
        return ir.Constant(self.vector, [ir.Constant(self.element, value)] * self.lanes)

    @property
    def zero(self) -> ir.Constant:
        """A vector of zeros."""
        return self.constant(0.0)

    def at(self, base: Any, vectors: int) -> Any:
        """The vector so many vectors after `base`, as a pointer."""
        moved = self.b.gep(base, [whole(vectors * self.target.bytes)])
        return self.b.bitcast(moved, self.vector.as_pointer())

    def load(self, base: Any, vectors: int = 0) -> Any:
        """The vector so many vectors after `base`."""
        found = self.b.load(self.at(base, vectors))
        found.align = self.target.bytes
        return found

    def store(self, value: Any, base: Any, vectors: int = 0) -> None:
        """Writes a vector so many vectors after `base`."""
        self.b.store(value, self.at(base, vectors)).align = self.target.bytes

    def moved(self, base: Any, vectors: Any) -> Any:
        """The place so many vectors, counted as the program runs, after `base`."""
        return self.b.gep(base, [self.b.mul(vectors, whole(self.target.bytes))])

    def multiply_add(self, x: Any, y: Any, z: Any) -> Any:
        """x * y + z, in one instruction where the processor has it."""
        if not self.target.fma:
            return self.b.fadd(self.b.fmul(x, y), z)
        return self.b.call(self.intrinsic("llvm.fma", 3), [x, y, z])

    def largest(self, x: Any, y: Any) -> Any:
        """The larger, number by number."""
        return self.b.select(self.b.fcmp_ordered(">", x, y), x, y)

    def smallest(self, x: Any, y: Any) -> Any:
        """The smaller, number by number."""
        return self.b.select(self.b.fcmp_ordered("<", x, y), x, y)

    def intrinsic(self, name: str, operands: int) -> ir.Function:
        """One of LLVM's own functions on vectors."""
        full = f"{name}.v{self.lanes}f{16 if self.half else 32}"
        known = self.module.globals.get(full)
        kind = ir.FunctionType(self.vector, [self.vector] * operands)
        return known if known is not None else ir.Function(self.module, kind, full)

    def done(self) -> None:
        """Ends the function."""
        self.b.ret_void()
