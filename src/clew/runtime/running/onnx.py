"""ONNX Runtime as a form: a dense runtime, for which zeros are numbers like any other."""

from __future__ import annotations

import importlib.util

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


def _made(ticket: Opened, threads: int, cache: Cache | None) -> Logits:
    model = onnx_bytes(ticket)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def logits(images: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(session.run(None, {name: images})[0], np.float32)

    return logits


forms.register("onnx")(Form(_made, "ONNX Runtime, dense, fp32"))
