"""What a worker is told to score a finding's faces again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clew.scan.decide import least_counted
from clew.serve.jobs import Job

_LEFT_OUT = "only the "  # how a finding begins to say that there were more faces than were judged


def rescore_call(job: Job, finding: Mapping[str, Any], ticket: str, heatmaps: bool) -> dict[str, Any]:
    """The call to `clew.serve.scoring`; `heatmaps`: of the decisive faces too, in `shown_faces`' order."""
    video = finding["kind"] == "video"
    sampling = finding["sampling"]
    read = len(sampling["frames"]) - len(sampling["unreadable"]) if video and sampling else 1
    return {
        "do": "rescore",
        "folder": str(job.folder),
        "ticket": ticket,
        "faces": job.faces,
        "persons": [{"person": one["person"], "faces": one["faces"]} for one in finding["persons"]],
        "video": video and read > 1,
        "least": least_counted(read, video),
        "everybody": not any(note.startswith(_LEFT_OUT) for note in finding["notes"]),
        "heatmaps": [job.faces.index(face) for face in shown_faces(job, finding)] if heatmaps else [],
    }


def page_call(job: Job, finding: Mapping[str, Any]) -> dict[str, Any]:
    """The call to `clew.serve.scoring` for the finding as a page."""
    shown = shown_faces(job, finding)
    at = [job.faces.index(face) for face in shown]
    return {"do": "page", "folder": str(job.folder), "ticket": job.ticket, "finding": finding, "shown": shown, "at": at}


def shown_faces(job: Job, finding: Mapping[str, Any]) -> list[tuple[int, int]]:
    """The (person, place) of the decisive faces whose crops are kept."""
    decisive = [(one["person"], place) for one in finding["persons"] for place in one["decisive"]]
    return [face for face in decisive if face in job.faces]
