"""ONNX Runtime as forms, fp32 and int8: a dense runtime, for which zeros are numbers like any other."""

from __future__ import annotations

import importlib.util
from functools import partial

import numpy as np
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.runtime.cache import Cache
from clew.runtime.forms import Form, Logits, Unavailable, forms
from clew.runtime.opened import Opened


def onnx_bytes(ticket: Opened) -> bytes:
    """The ticket's network as an ONNX file; raises Unavailable without onnx, or where it cannot be written."""
    for name in ("onnx", "onnxruntime"):
        if importlib.util.find_spec(name) is None:
            raise Unavailable(f"it needs {name}: pip install 'clew[onnx]'")
    from clew.runtime.onnx_file import onnx_model

    try:
        return bytes(onnx_model(ticket.graph, ticket.tensors).SerializeToString())
    except (ClewError, ValueError) as error:
        raise Unavailable(str(error)) from None


def int8_bytes(ticket: Opened, cache: Cache | None) -> bytes:
    """The same in int8, from `cache` where it is kept; the ranges are those of the ticket's representative pictures."""
    plain = onnx_bytes(ticket)
    from clew.runtime.int8_file import int8_model

    try:
        return int8_model(ticket, plain, cache)
    except Exception as error:  # the quantiser's share no class
        raise Unavailable(f"it cannot be quantised: {str(error).partition(chr(10))[0]}") from error


def _made(int8: bool, ticket: Opened, threads: int, cache: Cache | None) -> Logits:
    model = int8_bytes(ticket, cache) if int8 else onnx_bytes(ticket)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def logits(images: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(session.run(None, {name: images})[0], np.float32)

    return logits


forms.register("onnx")(Form(partial(_made, False), "ONNX Runtime, dense, fp32"))
forms.register("onnx-int8")(
    Form(partial(_made, True), "ONNX Runtime, dense, int8", exact=False, precision="int8", ranged=True)
)
