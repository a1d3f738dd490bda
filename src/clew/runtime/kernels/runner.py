"""The program: calls its kernels one after the other; parts of the work wait for each other after each of them."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from clew.runtime.kernels.emit import BYTES, I64, SIGNATURE, whole

NAME = "run"
PATIENCE = 2000  # looks at the others' progress before the processor is handed to somebody else


def emit(module: Any) -> None:
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
