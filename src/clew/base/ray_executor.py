"""Runs jobs on a Ray cluster: many machines that see the same files under the same paths."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clew.base.errors import ClewError
from clew.base.jobs import Agenda, Done, Failed, Job, Ledger, Outcome, give_up, ignore, settle_failure, tell
from clew.base.progress import SILENT, Progress

RETRIES = 3  # of a job whose worker or machine died
LOOK_SECONDS = 10.0  # between two looks at how large the cluster is


@dataclass(frozen=True)
class RayExecutor:
    """A Ray cluster: the one at `address`, else at RAY_ADDRESS, else one started on this machine for the run.

    Every machine of it needs Clew, and the data and output folders under the same paths.
    """

    address: str = ""
    workers: int = 0  # cores to start a local cluster with; 0: all

    def run(
        self,
        jobs: Sequence[Job],
        description: str,
        progress: Progress = SILENT,
        done: Done = ignore,
        failed: Failed = give_up,
    ) -> Outcome:
        """Runs the jobs, each on as many cores as it asks for, those that most others wait for first."""
        if not jobs:
            return Outcome()
        with self.connected() as ray, progress.task(description, sum(job.size for job in jobs)) as task:
            ledger = Ledger(task, {job.name: job.size for job in jobs})
            return _drive(ray, Agenda(jobs), ledger, done, failed)

    @contextmanager
    def connected(self) -> Iterator[Any]:
        """Ray, connected; a cluster that was not there is let go of in the end. Raises ClewError without one."""
        if self.address or os.environ.get("RAY_ADDRESS"):
            _use_token()
        ray = _import_ray()
        started = not ray.is_initialized()
        if started:
            self._connect(ray)
        try:
            yield ray
        finally:
            if started:
                ray.shutdown()

    def _connect(self, ray: Any) -> None:
        address = self.address or os.environ.get("RAY_ADDRESS", "")
        try:
            if address:
                _knock(address)
                ray.init(address=address, log_to_driver=False)
            else:
                ray.init(num_cpus=self.workers or None, include_dashboard=False, log_to_driver=False)
        except (OSError, RuntimeError, ValueError) as error:
            raise ClewError(
                f"no Ray cluster at '{address or 'this machine'}' ({error}). One that asks for a token needs it in "
                "RAY_AUTH_TOKEN or ~/.ray/auth_token here too."
            ) from None


def _knock(address: str) -> None:
    """Raises OSError at once where nobody listens: Ray itself tries again for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()


def _use_token() -> None:
    """Shows a cluster the token that lies here: Ray's own start does so, its clients by themselves do not."""
    kept = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")
    if "RAY_AUTH_MODE" not in os.environ and (os.environ.get("RAY_AUTH_TOKEN") or kept.exists()):
        os.environ["RAY_AUTH_MODE"] = "token"


def _import_ray() -> Any:
    try:
        import ray
    except ImportError:
        raise ClewError("--engine ray needs Ray: pip install 'clew[ray]'.") from None
    return ray


def _drive(ray: Any, agenda: Agenda, ledger: Ledger, done: Done, failed: Failed) -> Outcome:
    outcome = Outcome()
    running: dict[Any, Job] = {}
    remote = ray.remote(num_cpus=1, max_retries=RETRIES)(_call)
    told = False
    while agenda.left or running:
        most = max(1, 2 * int(ray.cluster_resources().get("CPU", 1)))  # the cluster may grow
        told = told or _tell_of_want(ray, running.values(), ledger)
        while len(running) < most and (job := agenda.take()) is not None:
            running[remote.options(num_cpus=job.cores).remote(job.function, job.args)] = job
        for handle in ray.wait(list(running), num_returns=1, timeout=LOOK_SECONDS)[0]:
            job = running.pop(handle)
            ledger.close(job.name)
            try:
                result = ray.get(handle)
            except ray.exceptions.RayTaskError as error:
                settle_failure(agenda, ledger, outcome, failed, job.name, tell(error.cause), False)
            except ray.exceptions.RayError as error:  # its worker or machine died, every time
                settle_failure(agenda, ledger, outcome, failed, job.name, tell(error), True)
            else:
                agenda.finished(job.name)
                done(job.name, result)
    return outcome


def _tell_of_want(ray: Any, jobs: Iterable[Job], ledger: Ledger) -> bool:
    """Says once that no machine of the cluster has the cores that the jobs ask for: they wait for one that has."""
    most = max((node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]), default=0)
    wanted = max((job.cores for job in jobs), default=0)
    if wanted > most:
        ledger.task.advance(0, f"waiting: no machine of the cluster has {wanted} cores")
    return wanted > most


def _call(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    return function(*args, _no_report)


def _no_report(steps: float, note: str = "") -> None:
    """Progress counts whole jobs here."""
