"""OpenVINO as forms: a dense runtime, in fp32, int8, or in bf16 where the processor has instructions for it."""

from __future__ import annotations

import importlib.util
from functools import partial

import numpy as np
from numpy.typing import NDArray

from clew.runtime.cache import Cache
from clew.runtime.forms import Form, Logits, Unavailable, forms
from clew.runtime.opened import Opened
from clew.runtime.running.onnx import int8_bytes, onnx_bytes
from clew.runtime.target import host_features


def _made(precision: str, ticket: Opened, threads: int, cache: Cache | None) -> Logits:
    if importlib.util.find_spec("openvino") is None:
        raise Unavailable("it needs openvino: pip install 'clew[openvino]'")
    if precision == "bf16" and not host_features() & {"amx-bf16", "avx512bf16"}:
        raise Unavailable("this processor does not compute in bf16")
    model = int8_bytes(ticket, cache) if precision == "int8" else onnx_bytes(ticket)
    import openvino

    core = openvino.Core()
    settings = {
        "INFERENCE_PRECISION_HINT": "f32" if precision == "int8" else precision,  # of what is not quantised
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
    }
    compiled = core.compile_model(core.read_model(model, b""), "CPU", settings)
    request = compiled.create_infer_request()

    def logits(images: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.array(request.infer({0: images})[0], np.float32)

    return logits


forms.register("openvino")(Form(partial(_made, "f32"), "OpenVINO, dense, fp32"))
forms.register("openvino-bf16")(Form(partial(_made, "bf16"), "OpenVINO, dense, bf16", exact=False, precision="bf16"))
forms.register("openvino-int8")(
    Form(partial(_made, "int8"), "OpenVINO, dense, int8", exact=False, precision="int8", ranged=True)
)
