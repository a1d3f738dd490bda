"""What the server counts for Prometheus; nothing in it tells of an upload's content or name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from clew.serve.jobs import Job

if TYPE_CHECKING:
    from clew.serve.service import Service

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Metrics:
    """The counters of one server."""

    def __init__(self, service: Service) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "clew_requests",
            "Requests by route, method and status",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self.refused = Counter(
            "clew_problems", "Requests that ended with a problem", ["problem"], registry=self.registry
        )
        self.scans = Counter(
            "clew_scans", "Scans by kind and how they ended", ["kind", "ended"], registry=self.registry
        )
        self.seconds = Histogram(
            "clew_scan_seconds", "Seconds from upload to finding", ["kind"], registry=self.registry, buckets=_SECONDS
        )
        self._gauge("clew_scans_waiting", "Scans that wait", lambda: len(service.jobs.all("queued")))
        self._gauge("clew_scans_running", "Scans under way", lambda: len(service.jobs.all("running")))
        self._gauge("clew_jobs_kept", "Jobs in memory", lambda: len(service.jobs))
        self._gauge("clew_uploads_arriving", "Uploads on their way in", lambda: service.arriving.count)
        self._gauge("clew_workers", "Worker processes alive", lambda: service.scanners.alive + service.scorers.alive)
        self._gauge(
            "clew_workers_replaced",
            "Worker processes that ended",
            lambda: service.scanners.replaced + service.scorers.replaced,
        )
        self._gauge("clew_upload_bytes_read", "Bytes of files read", lambda: service.arriving.bytes_read)

    def _gauge(self, name: str, text: str, value: object) -> None:
        Gauge(name, text, registry=self.registry).set_function(value)  # type: ignore[arg-type]

    def scanned(self, job: Job, seconds: float) -> None:
        """One more scan has ended."""
        kind = str(job.facts.get("kind", "unknown"))
        kind = kind if kind in ("picture", "video") else "unknown"
        ended = str(job.finding["verdict"]) if job.finding is not None else job.state
        self.scans.labels(kind, ended).inc()
        if job.state == "done":
            self.seconds.labels(kind).observe(seconds)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)
