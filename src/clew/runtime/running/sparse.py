"""The sparse engine as a form: fp32, and fp16 where the processor computes in it."""

from __future__ import annotations

from functools import partial

import llvmlite

from clew.base.hashing import hash_json
from clew.runtime.cache import Cache
from clew.runtime.executable import Executable, from_bytes
from clew.runtime.forms import Form, Logits, Unavailable, forms
from clew.runtime.opened import Opened
from clew.runtime.target import Target, possible, target

VERSION = 5  # of what is kept: kernels, their arguments, the layout of the weights


def _made(half: bool, ticket: Opened, threads: int, cache: Cache | None) -> Logits:
    if half and not any(target(name).half for name in possible()):
        raise Unavailable("this processor does not compute in fp16 (AVX512-FP16)")
    chosen = target()
    from clew.runtime.engine import Engine

    name = _name(ticket, chosen, half)
    kept = None if cache is None else cache.get(name)
    ready = None
    if kept is not None:
        try:
            ready = from_bytes(kept)
        except ValueError:  # by another version of a library: made again
            ready = None
    if ready is None:
        ready = _built(ticket, chosen, half)
        if cache is not None:
            cache.put(name, ready.as_bytes())
    return Engine(ready, chosen, threads).logits


def _built(ticket: Opened, chosen: Target, half: bool) -> Executable:
    from clew.runtime.engine import build

    try:
        return build(ticket.graph, ticket.tensors, chosen, half)
    except ValueError as error:
        raise Unavailable(str(error)) from None


def _name(ticket: Opened, chosen: Target, half: bool) -> str:
    """Other content, processors, compilers or versions have other names."""
    parts = [VERSION, ticket.hash, chosen.name, chosen.cpu, chosen.features, half, llvmlite.__version__]
    return f"sparse-{hash_json(parts)[:32]}"


forms.register("sparse")(Form(partial(_made, False), "our own engine, which skips what is pruned, fp32", skips=True))
forms.register("sparse-fp16")(
    Form(partial(_made, True), "our own engine, fp16", exact=False, precision="fp16", skips=True)
)
