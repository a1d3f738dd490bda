"""What the page in a browser knows of its ticket: `ticket.json`."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clew.base.hashing import hash_file
from clew.runtime.onnx_file import INPUT, OPSET, OUTPUT
from clew.tickets.exporting.onnx_format import NOT_FAST
from clew.tickets.exporting.web_fetching import PACKAGE, VERSION
from clew.tickets.exporting.web_runtime import FILES
from clew.tickets.ticket import Ticket
from clew.training.operating import OperatingPoint

FORMAT, MODEL = 1, "model.onnx"
STEP, SHADES = 7919, 256  # of the drawn picture: a prime, so that shades do not repeat along rows


def web_facts(ticket: Ticket, model: Path) -> dict[str, Any]:
    """The facts, for JSON; `model` is the ONNX file as it was written."""
    header, config = ticket.header, ticket.config
    point = header.get("operating_point")
    return {
        "format": FORMAT,
        "clew": version("clew"),
        "ticket": {"file": Path(ticket.where).name, "sha256": hash_file(Path(ticket.where))},
        "detector": config.name,
        "input_size": config.input_size,
        "classes": ticket.classes,
        "protocol": header["protocol"],
        "crops": crop_words(header["protocol"]),
        "data": [one["name"] for one in header["data"]],
        "sparsity": ticket.sparsity,
        "search": {key: header["search"].get(key) for key in ("method", "level", "kind", "seed")},
        "metrics": header["metrics"],
        "temperature": None if header.get("calibration") is None else ticket.calibration.temperature,
        "operating_point": None if point is None else _for_pictures(point, ticket.where),
        "limits": list(limits(ticket)),
        "model": {"file": MODEL, "bytes": model.stat().st_size, "sha256": hash_file(model), "opset": OPSET,
                  "input": INPUT, "output": OUTPUT},
        "runtime": {"name": PACKAGE, "version": VERSION, "bytes": sum(file.bytes for file in FILES),
                    "sha256": {file.kept: file.sha256 for file in FILES}},
        "check": {"step": STEP, "shades": SHADES, "logits": _check_logits(ticket)},
    }  # fmt: skip


def crop_words(protocol: str) -> str:
    """Which crops a ticket was trained on, for whoever places a square over a face."""
    if protocol.startswith("as-given"):
        return f"ready-made face crops, cut by others before Clew saw them ({protocol})"
    scale = re.search(r"([0-9.]+) times the box", protocol)
    much = f"{scale[1]} times the longer side" if scale else "as large as the longer side"
    return f"square face crops, {much} of the face's box ({protocol})"


def limits(ticket: Ticket) -> list[str]:
    """What the page cannot do, each in a sentence."""
    names = ", ".join(one["name"] for one in ticket.header["data"])
    found = [
        "It finds no faces: the square over the face is yours to place, and the score depends on it.",
        f"It was trained on {names or 'data that its file does not name'}; of kinds of forgery that were not in there, "
        "it may miss all.",
        "It judges one picture at a time. A score is a hint, no proof.",
        "Scores are Python's for the same pixels; browsers decode JPEG, colour profiles and 16-bit files a little "
        "differently.",
        f"It is no faster for its sparsity: {NOT_FAST.partition(':')[0]}.",
    ]
    if ticket.header.get("calibration") is None:
        found.append("It carries no calibration: its probabilities are the network's own, often too sure.")
    if ticket.header.get("operating_point") is None:
        found.append("It carries no operating point, so it gives no verdict.")
    return found


def _for_pictures(points: dict[str, Any], where: str) -> dict[str, Any]:
    return OperatingPoint.from_dict(points.get("picture"), where).as_dict()


def _check_logits(ticket: Ticket) -> list[float]:
    """The logits of a drawn picture, by which a page sees that its browser computes as PyTorch does."""
    size = ticket.config.input_size
    shades = np.arange(3 * size * size) * STEP % SHADES / (SHADES - 1)
    images = torch.from_numpy(shades.astype(np.float32).reshape(1, 3, size, size))
    with torch.inference_mode():
        return [float(logit) for logit in ticket.detector()(images)[0]]
