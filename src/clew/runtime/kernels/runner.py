"""The program: calls its kernels one after the other; parts of the work wait for each other after each of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from clew.runtime.kernels.emit import BYTES, I64, SIGNATURE, whole

NAME, MANY = "run", "run_many"
PATIENCE = 2000  # looks at the others' progress before the processor is handed to somebody else


def emit(module: Any) -> None:
    """Writes both functions."""
    _emit_many(module, _emit_one(module))


def _emit_many(module: Any, run: Any) -> None:
    """Writes `void run_many(int64* program, int64 count, int8* arena, int64* job)`: pictures one after the other.

    `job`: the addresses of the first picture, of the slots that a picture's address goes to, of the logits to be
    written; the bytes of a picture, how many slots and pictures there are, where the logits lie in the arena, how many
    numbers of fp32 they are.
    """
    numbers = I64.as_pointer()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [numbers, I64, BYTES, numbers]), MANY)
    program, count, arena, job = function.args
    entry, head, body, end = (function.append_basic_block(name) for name in ("entry", "head", "body", "end"))
    b = ir.IRBuilder(entry)
    picture, slots, out, size, slot_count, pictures, place, logits = (
        b.load(b.gep(job, [whole(at)])) for at in range(8)
    )
    floats = ir.FloatType().as_pointer()
    source, target = b.bitcast(b.gep(arena, [place]), floats), b.inttoptr(out, floats)
    b.branch(head)
    b.position_at_end(head)
    at = b.phi(I64)
    at.add_incoming(whole(0), entry)
    b.cbranch(b.icmp_signed("<", at, pictures), body, end)
    b.position_at_end(body)
    address = b.add(picture, b.mul(at, size))

    def put(slot: Any) -> None:
        where = b.load(b.gep(b.inttoptr(slots, numbers), [slot]))
        b.store(address, b.inttoptr(where, numbers))

    _each(b, slot_count, put)
    nobody = ir.Constant(numbers, None)
    b.call(run, [program, count, arena, whole(0), whole(1), nobody])
    row = b.mul(at, logits)
    _each(b, logits, lambda one: b.store(b.load(b.gep(source, [one])), b.gep(target, [b.add(row, one)])))
    at.add_incoming(b.add(at, whole(1)), b.block)
    b.branch(head)
    b.position_at_end(end)
    b.ret_void()


def _each(b: Any, count: Any, do: Callable[[Any], Any]) -> None:
    """Does something for each number from 0 to before `count`."""
    before = b.block
    head, body, after = (b.function.append_basic_block(name) for name in ("each", "one", "done"))
    b.branch(head)
    b.position_at_end(head)
    at = b.phi(I64)
    at.add_incoming(whole(0), before)
    b.cbranch(b.icmp_signed("<", at, count), body, after)
    b.position_at_end(body)
    do(at)
    at.add_incoming(b.add(at, whole(1)), b.block)
    b.branch(head)
    b.position_at_end(after)


def _emit_one(module: Any) -> Any:
    """Writes `void run(int64* program, int64 count, int8* arena, int64 part, int64 parts, int64* meeting)`.

    `program` holds the address of a kernel and of its arguments, `count` times; `meeting` a counter of arrivals and the
    address of a function without arguments that hands the processor on.
    """
    numbers = I64.as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [numbers, I64, BYTES, I64, I64, numbers])
    function = ir.Function(module, kind, NAME)
    program, count, arena, part, parts, meeting = function.args
    entry, head, body, meet, after, end = (
        function.append_basic_block(name) for name in ("entry", "head", "body", "meet", "after", "end")
    )
    b = ir.IRBuilder(entry)
    alone = b.icmp_signed("==", parts, whole(1))
    b.branch(head)
    b.position_at_end(head)
    at = b.phi(I64)
    at.add_incoming(whole(0), entry)
    b.cbranch(b.icmp_signed("<", at, count), body, end)
    b.position_at_end(body)
    step = b.gep(program, [b.mul(at, whole(2))])
    kernel = b.inttoptr(b.load(step), SIGNATURE.as_pointer())
    args = b.inttoptr(b.load(b.gep(step, [whole(1)])), numbers)
    b.call(kernel, [args, arena, part, parts])
    b.cbranch(alone, after, meet)
    b.position_at_end(meet)
    _meet(function, b, meeting, parts, after)
    b.position_at_end(after)
    at.add_incoming(b.add(at, whole(1)), after)
    b.branch(head)
    b.position_at_end(end)
    b.ret_void()
    return function


def _meet(function: Any, b: Any, meeting: Any, parts: Any, after: Any) -> None:
    """Waits until all parts have arrived as often as this one."""
    arrived = b.atomic_rmw("add", meeting, whole(1), "seq_cst")
    wanted = b.mul(b.add(b.udiv(arrived, parts), whole(1)), parts)
    look, again, hand_on = (function.append_basic_block(name) for name in ("look", "again", "hand_on"))
    before = b.block
    b.branch(look)
    b.position_at_end(look)
    looks = b.phi(I64)
    looks.add_incoming(whole(0), before)
    b.cbranch(b.icmp_unsigned(">=", b.load_atomic(meeting, "seq_cst", 8), wanted), after, again)
    b.position_at_end(again)
    patient = b.icmp_signed("<", looks, whole(PATIENCE))
    looks.add_incoming(b.add(looks, whole(1)), again)
    b.cbranch(patient, look, hand_on)
    b.position_at_end(hand_on)
    give = b.inttoptr(b.load(b.gep(meeting, [whole(1)])), ir.FunctionType(ir.IntType(32), []).as_pointer())
    b.call(give, [])
    looks.add_incoming(whole(0), hand_on)
    b.branch(look)
