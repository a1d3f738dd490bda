"""ONNX, compared with PyTorch before it is left to anybody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.base.files import atomic_path
from clew.base.hashing import hash_file
from clew.base.progress import Progress
from clew.runtime.onnx_file import INPUT, OPSET, OUTPUT, onnx_model
from clew.tickets.exporting.base import Export, formats
from clew.tickets.exporting.comparing import logit_error, seeded_pictures
from clew.tickets.ticket import Ticket

LARGEST_ERROR = 1e-3  # of a logit, per 1 of the largest where that is above 1
BATCHES = (1, 3)
NOT_FAST = (
    "the zeros of the mask are stored as weights and cost the time of weights: an ONNX file is no faster for its "
    "sparsity"
)


@formats.register("onnx")
def export_onnx(ticket: Ticket, out: Path, progress: Progress) -> Export:
    """Writes an ONNX file for any batch; raises ClewError, and leaves none, when its logits are not the ticket's."""
    with progress.task("exporting", 2 + len(BATCHES)) as task, atomic_path(out) as temporary:
        task.advance(note="writing")
        model = onnx_model(ticket.graph(), ticket.content.tensors, _facts(ticket))
        temporary.write_bytes(model.SerializeToString(deterministic=True))
        task.advance(note="comparing with PyTorch")
        session, module, errors = _session(temporary, out), ticket.detector(), []
        for batch in BATCHES:
            errors.append(_error(session, module, seeded_pictures(ticket.config.input_size, batch)))
            task.advance()
        if not all(share <= LARGEST_ERROR for _, share in errors):
            raise ClewError(
                f"{out}: the ONNX file's logits differ from PyTorch's by {max(error for error, _ in errors):.2g}, more "
                f"than {LARGEST_ERROR:g}: it is not left. Please report the network."
            )
    return _told(ticket, out, max(error for error, _ in errors))


def _facts(ticket: Ticket) -> dict[str, str]:
    """The model's metadata."""
    header, config = ticket.header, ticket.config
    calibration = header.get("calibration")
    return {
        "ticket_sha256": hash_file(Path(ticket.where)),
        "detector": config.name,
        "input_size": str(config.input_size),
        "classes": json.dumps(ticket.classes),
        "protocol": header["protocol"],
        "sparsity": str(ticket.sparsity),
        "temperature": "" if calibration is None else str(ticket.calibration.temperature),
        "input": f"{INPUT}: RGB crops (batch, 3, height, width), float32 in [0, 1]",
        "output": "logits: before the softmax; divide by the temperature, where there is one, for calibrated ones",
        "note": NOT_FAST,
    }


def _session(path: Path, out: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ClewError(f"an ONNX file is compared with onnxruntime: pip install 'clew[onnx]' ({error}).") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    try:
        return onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors share no class
        why = str(error).partition("\n")[0]
        raise ClewError(f"{out}: ONNX Runtime cannot run the file: it is not left ({why}).") from error


def _error(session: Any, module: torch.nn.Module, images: NDArray[np.float32]) -> tuple[float, float]:
    """The largest difference of a logit, and its share of the largest logit, if that is above 1."""
    with torch.inference_mode():
        wanted = module(torch.from_numpy(images)).numpy()
    (found,) = session.run([OUTPUT], {INPUT: images})
    error = logit_error(found, wanted)
    return error, error / max(1.0, float(np.abs(wanted).max()))


def _told(ticket: Ticket, out: Path, error: float) -> Export:
    size = out.stat().st_size
    facts = {"bytes": size, "opset": OPSET, "largest_logit_error": error, "pictures": sum(BATCHES), "note": NOT_FAST}
    shape = f"(batch, 3, {ticket.config.input_size}, {ticket.config.input_size})"
    batches = " and ".join(map(str, BATCHES))
    return Export(
        facts,
        (
            f"{out}: {size / 1024:.1f} KiB, opset {OPSET}",
            f"  input {INPUT} {shape}, RGB in [0, 1]; output {OUTPUT} (batch, {ticket.config.outputs}): "
            f"{', '.join(ticket.classes[:4])}{', ...' if len(ticket.classes) > 4 else ''}",
            f"  compared with PyTorch at batch {batches}: largest difference of a logit {error:.2g}",
            f"  {NOT_FAST}",
        ),
    )
