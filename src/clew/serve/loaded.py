"""The tickets that a worker has in memory, each loaded once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from clew.base.errors import unknown_name
from clew.scan.settings import ScanSettings
from clew.scan.ticket import ReadyTicket, ready_ticket


class Loaded:
    """Tickets by name, from `settings`: "tickets" {name: path}, and "scan", fields of ScanSettings.

    `eager` loads all of them now, else each at its first use. Raises ClewError for one that cannot be used.
    """

    def __init__(self, settings: Mapping[str, Any], eager: bool) -> None:
        scan = dict(settings["scan"])
        model = scan.pop("model", None)
        self.settings = ScanSettings(**scan, model=Path(model) if model else None)
        self._paths = {str(name): Path(path) for name, path in settings["tickets"].items()}
        self._ready: dict[str, ReadyTicket] = {}
        for name in list(self._paths)[: None if eager else 1]:
            self.get(name)

    def get(self, name: str) -> ReadyTicket:
        """The ticket of that name, ready; all share one face detector where they cut faces alike."""
        if name not in self._paths:
            raise unknown_name("ticket", name, self._paths)
        if name not in self._ready:
            self._ready[name] = self._sharing(ready_ticket(self._paths[name], self.settings))
        return self._ready[name]

    def _sharing(self, new: ReadyTicket) -> ReadyTicket:
        alike = (one for one in self._ready.values() if one.cropping.faces == new.cropping.faces)
        other = next(alike, None)
        return new if other is None else replace(new, finder=other.finder)
