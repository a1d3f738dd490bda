"""What a scan of many files comes to, in figures, and the exit code that says so."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from clew.scan.finding import REASONS, Finding

ALL_REAL, SOME_FAKE, SOME_INCONCLUSIVE, SOME_UNREADABLE = 0, 3, 4, 5


@dataclass
class Summary:
    """Counts of findings: by verdict, and by reason of those without one."""

    verdicts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    skipped: str = ""  # what was not scanned, in words

    def add(self, finding: Finding) -> None:
        """Counts one."""
        self.verdicts["unreadable" if not finding.readable else finding.verdict] += 1
        if finding.reason:
            self.reasons[finding.reason] += 1

    @property
    def exit_code(self) -> int:
        """5 where a file could not be read, else 3 where one is fake, else 4 where one is inconclusive, else 0."""
        if self.verdicts["unreadable"]:
            return SOME_UNREADABLE
        if self.verdicts["fake"]:
            return SOME_FAKE
        return SOME_INCONCLUSIVE if self.verdicts["inconclusive"] else ALL_REAL

    @property
    def text(self) -> str:
        """In words."""
        names = ("fake", "inconclusive", "real", "unreadable")
        counts = ", ".join(f"{self.verdicts[name]:,} {name}" for name in names if self.verdicts[name])
        total = sum(self.verdicts.values())
        return f"{total:,} file{'' if total == 1 else 's'}: {counts}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        counts = {name: self.verdicts[name] for name in ("real", "fake", "inconclusive", "unreadable")}
        reasons = {name: self.reasons[name] for name in REASONS if self.reasons[name]}
        files = sum(counts.values())
        return {"files": files, **counts, "reasons": reasons, "skipped": self.skipped, "exit_code": self.exit_code}
