"""A ticket made ready to scan with: its runtime, its thresholds, its way of cutting faces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from clew.base.crops import resize
from clew.base.errors import ClewError
from clew.base.packaged import packaged_ticket
from clew.base.version import VERSION
from clew.media.faces.base import FaceDetector, make_detector
from clew.media.familiarity import Familiarity
from clew.media.pictures import Picture
from clew.runtime.load import Runtime, load_runtime
from clew.runtime.opened import opened
from clew.scan.cropping import Cropping, cropping_for
from clew.scan.operating import Level, levels_of
from clew.scan.settings import NONE, ScanSettings

_DEFAULT = ScanSettings()


@dataclass(frozen=True)
class ReadyTicket:
    """A ticket ready to scan with; not for two callers at a time.

    `path` where it lies; `finder` finds the faces, None where every picture is a crop already; `model` the finder's
    file, if it has one; `levels` the thresholds by picture and video; `familiarity` tells crops of a kind that it was
    not trained on, None where it does not say.
    """

    path: Path
    runtime: Runtime
    cropping: Cropping
    finder: FaceDetector | None
    model: Path | None
    levels: Mapping[str, Level]
    familiarity: Familiarity | None
    header: Mapping[str, Any] = field(repr=False)

    @property
    def calibrated(self) -> bool:
        """Whether it turns logits into calibrated probabilities."""
        return self.runtime.ticket.temperature is not None

    def crop(self, square: Picture) -> Picture:
        """A face's square (H, H, 3) at the size (size, size, 3) of the crops that it was trained on."""
        return resize(square, self.cropping.size)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """As it stands in a finding: name, hash, detector, protocol, version (of Clew), form."""
        return {
            "name": self.path.name,
            "hash": self.runtime.ticket.hash,
            "detector": str(self.header["detector"]["name"]),
            "protocol": str(self.header["protocol"]),
            "version": VERSION,
            "form": self.runtime.form,
        }


def ready_ticket(path: Path | str | None = None, settings: ScanSettings = _DEFAULT) -> ReadyTicket:
    """Opens a ticket (None: the packaged one) to scan with.

    Raises ClewError for a ticket or face detector that cannot be read or run here.
    """
    where = packaged() if path is None else Path(path)
    header = opened(where).header
    known = _familiarity(header, where)
    cropping = cropping_for(header, settings.faces)
    finder = None if cropping.faces == NONE else make_detector(cropping.faces, settings.model)
    runtime = load_runtime(where, settings.form, settings.threads)
    return ReadyTicket(
        where, runtime, cropping, finder, settings.model, levels_of(header), known, runtime.ticket.header
    )


def _familiarity(header: Mapping[str, Any], where: Path) -> Familiarity | None:
    found = header.get("familiarity")
    if found is None:
        return None
    try:
        return Familiarity.from_dict(found)
    except ClewError as error:
        raise ClewError(f"{where}: {error}") from None


def packaged() -> Path:
    """The ticket that comes with Clew."""
    return packaged_ticket()
