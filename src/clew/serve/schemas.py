"""What goes in and out over HTTP, as OpenAPI tells it."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, create_model

from clew.scan.finding import FORMAT, FaceFinding, Finding, PersonFinding, Verdict
from clew.serve.jobs import State
from clew.serve.problems import ProblemDetails

Share = Field(ge=0, le=1)
_PLAIN = {"typing.Any": JsonValue}


def _model(of: type, **other: Any) -> type[BaseModel]:
    """A model of a dataclass: a worker's word is checked by it, and what it may say is told by it."""
    hints = get_type_hints(of)
    known: dict[str, Any] = {one.name: (other.get(one.name, hints[one.name]), ...) for one in fields(of)}
    more = {name: value for name, value in other.items() if name not in known}
    strict = ConfigDict(extra="forbid", allow_inf_nan=False)
    return create_model(of.__name__, __config__=strict, __doc__=of.__doc__, **{**more, **known})


Json = dict[str, JsonValue]
FaceDocument = _model(FaceFinding, quality=dict[str, float])
PersonDocument = _model(PersonFinding, faces=list[FaceDocument], decisive=list[int])  # type: ignore[valid-type]
FindingDocument = _model(
    Finding,
    format=(Literal[FORMAT], ...),
    persons=list[PersonDocument],  # type: ignore[valid-type]
    file=Json,
    media=Json,
    sampling=Json,
    ticket=Json,
    operating_point=Json | None,
    provenance=Json,
    settings=Json,
    notes=list[str],
)


class Said(BaseModel):
    """What a worker says when a scan is done: hostile, like the file that it read."""

    finding: FindingDocument  # type: ignore[valid-type]
    faces: list[tuple[int, int]] = Field(max_length=100_000)
    bytes: int = Field(ge=0)


SAID = TypeAdapter(Said)


def checked_finding(found: BaseModel) -> dict[str, Any]:
    """A finding as JSON."""
    return found.model_dump(mode="json")


class JobDocument(BaseModel):
    """A scan: how far it is, and when it is done what it found, until it expires."""

    model_config = ConfigDict(extra="forbid")
    id: str
    state: State
    progress: float = Share
    name: str = Field(description="of the file, as it was sent")
    ticket: str
    finding: FindingDocument | None = Field(description="once it is done")  # type: ignore[valid-type]
    problem: ProblemDetails | None = Field(description="why it failed, was cancelled or handed back")
    faces: list[tuple[int, int]] = Field(description="person and place of each face whose crop is kept")
    expires_s: float | None = Field(description="seconds until it is forgotten; null while it is under way")


class TicketDocument(BaseModel):
    """A ticket that scans here."""

    model_config = ConfigDict(extra="forbid")
    name: str
    default: bool
    ladder: bool = Field(description="whether it is a step of the ladder")
    level: float = Field(ge=0, lt=1, description="the sparsity that was asked for")
    method: str
    sparsity: float = Share
    macs_sparsity: float | None
    bytes: int
    detector: str
    input_size: int
    protocol: str
    hash: str
    auc: float | None = Field(description="on the test split that it was measured on, per video or picture")


class TicketsDocument(BaseModel):
    """All tickets: the default one first, then the ladder's from dense to sparse."""

    tickets: list[TicketDocument]


class FaceHeat(BaseModel):
    """What a decisive face says: above 0 a cell speaks for fake, below for real."""

    person: int
    place: int
    cells: list[list[float]]


class RescoredPerson(BaseModel):
    """A person's faces with another ticket's probabilities, by place, null where a face has none."""

    person: int
    verdict: Verdict
    probability: float | None
    reason: str
    counted: int
    decisive: list[int]
    faces: list[float | None]


class Thresholds(BaseModel):
    """Of the ticket: from `fake` up a probability is called fake, up to `real` real; null where it has none."""

    fake: float | None
    real: float | None


class RescoredDocument(BaseModel):
    """The same faces through another ticket, and what that took."""

    ticket: TicketDocument
    verdict: Verdict
    probability: float | None
    reason: str
    persons: list[RescoredPerson]
    level: Thresholds
    form: str = Field(description="that the ticket ran in")
    ms: float = Field(ge=0, description="median milliseconds of one crop, of this very run")
    heatmaps: list[FaceHeat]


class HealthDocument(BaseModel):
    """`live`: it answers; `ready`: it takes scans."""

    live: Literal[True]
    ready: bool
    ending: bool
    version: str
    workers: int
    waiting: int
    running: int
    limits: dict[str, float] = Field(description="of an upload, in bytes, pixels, seconds and frames")


FACE_MODELS = (FaceDocument, PersonDocument)
