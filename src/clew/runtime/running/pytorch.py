"""PyTorch as forms: the masked network, as large as ever; and the compact one, without the channels that are dead."""

from __future__ import annotations

import importlib
import importlib.util
from functools import partial

from clew.runtime.cache import Cache
from clew.runtime.forms import Form, Logits, Unavailable, forms
from clew.runtime.opened import Opened

HOME = "clew.tickets.in_torch"  # by name: this room needs no torch


def _made(way: str, ticket: Opened, threads: int, cache: Cache | None) -> Logits:
    if importlib.util.find_spec("torch") is None:
        raise Unavailable("it needs torch: pip install 'clew[train]'")
    made: Logits = getattr(importlib.import_module(HOME), way)(ticket, threads)
    return made


forms.register("masked")(Form(partial(_made, "masked"), "PyTorch, masked: as much work as dense", tried=False))
forms.register("compact")(
    Form(partial(_made, "compact"), "PyTorch, without dead channels, fp32", tried=False, skips=True)
)
