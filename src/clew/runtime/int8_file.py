"""A ticket's network in int8 as an ONNX file: static post-training quantisation by ONNX Runtime's own quantiser.

Weights are int8, symmetric, a scale for each output channel; activations uint8, one range for each value, from the
least to the largest that representative pictures give (Jacob et al., "Quantization and Training of Neural Networks for
Efficient Integer-Arithmetic-Only Inference", CVPR 2018). Quantise and dequantise operations stand in the graph, which
ONNX Runtime and OpenVINO both compile to kernels of int8. The last layer stays in fp32.
"""

from __future__ import annotations

import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.base.hashing import hash_json
from clew.runtime.cache import Cache
from clew.runtime.onnx_file import INPUT, OUTPUT
from clew.runtime.opened import Opened
from clew.runtime.representative import drawn, hash_of
from clew.runtime.target import host_features

VERSION = 1  # of what is kept
BATCH = 8
OPERATIONS = (  # those that have kernels of int8; the others stay in fp32, a BatchNorm that is not folded too
    *("Conv", "Gemm", "Add", "Mul", "Concat", "Relu", "Clip", "LeakyRelu", "Sigmoid"),
    *("MaxPool", "AveragePool", "GlobalAveragePool", "Flatten"),
)
EXACT_SUMS = {"avx512vnni", "avxvnni", "dotprod"}  # features whose products of int8 are summed in 32 bits


def int8_model(ticket: Opened, plain: bytes, cache: Cache | None) -> bytes:
    """The ticket's network, `plain` its ONNX file in fp32, in int8; from `cache` where it is kept.

    The ranges are those of `ticket.representative`, or of drawn pictures where it has none.
    """
    images = drawn(ticket.size) if ticket.representative is None else ticket.representative
    name = _name(ticket, images)
    kept = None if cache is None else cache.get(name)
    if kept is not None:
        return kept
    made = quantised(plain, images, _short_weights())
    if cache is not None:
        cache.put(name, made)
    return made


def quantised(model: bytes, images: NDArray[np.float32], short: bool = False) -> bytes:
    """An ONNX model of fp32 in int8, its ranges those that images (N, 3, H, W) give.

    `short`: weights of 7 bits, for processors that sum products of int8 in 16 bits, where 8 would overflow.
    """
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory(prefix="clew-") as folder:
        folded, out = Path(folder) / "folded.onnx", Path(folder) / "int8.onnx"
        quant_pre_process(onnx.load_from_string(model), folded, skip_symbolic_shape=True)  # folds BatchNorm
        last = [node.name for node in onnx.load(folded).graph.node if OUTPUT in node.output]
        quantization.quantize_static(
            folded,
            out,
            _Reader(images),
            nodes_to_exclude=last,  # logits of 256 steps would tie
            op_types_to_quantize=list(OPERATIONS),
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
            reduce_range=short,
        )
        return out.read_bytes()


class _Reader:
    """What the quantiser asks for pictures: a batch at a time, None at the end."""

    def __init__(self, images: NDArray[np.float32]) -> None:
        self._batches = iter(images[at : at + BATCH] for at in range(0, len(images), BATCH))

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """The next batch."""
        found = next(self._batches, None)
        return None if found is None else {INPUT: found}

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> dict[str, NDArray[np.float32]]:
        found = self.get_next()
        if found is None:
            raise StopIteration
        return found


def _short_weights() -> bool:
    return not host_features() & EXACT_SUMS


def _name(ticket: Opened, images: NDArray[np.float32]) -> str:
    """Other content, pictures or versions have other names."""
    libraries = [version(name) for name in ("onnx", "onnxruntime")]
    return f"int8-{hash_json([VERSION, ticket.hash, hash_of(images), _short_weights(), *libraries])[:32]}"
