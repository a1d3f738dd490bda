"""`clew` as its entry point runs it, but within this process: no interpreter has to start."""

from __future__ import annotations

import io
import json
import signal
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import Any, NamedTuple
from unittest.mock import patch

from clew.cli.main import run
from clew.tickets import search
from method_stores import Inline

FAST = ["--precision", "fp32", "--memory-format", "contiguous", "--threads", "1"]  # nothing has to be measured


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    errors: str


def ended(*words: object) -> Ended:
    """Runs `clew` with some words; trainings that it asks for are done here, one after the other."""
    out, errors, code = io.StringIO(), io.StringIO(), 0
    with (
        patch.object(sys, "argv", ["clew", *map(str, words)]),
        patch.object(search, "local_executor", lambda choices: Inline()),
        redirect_stdout(out),
        redirect_stderr(errors),
    ):
        try:
            run()
        except SystemExit as leaving:
            code = int(leaving.code or 0)
    return Ended(code, out.getvalue(), errors.getvalue())


def clew(*words: object) -> str:
    """What a command that must end well puts out."""
    found = ended(*words)
    assert found.code == 0, found.errors
    return found.out


def told(*words: object) -> dict[str, Any]:
    """What a command tells with --json."""
    found: dict[str, Any] = json.loads(clew(*words, "--json"))
    return found


def refused(*words: object) -> str:
    """The one line with which a command refuses: exit code 1, nothing on standard output, no traceback."""
    found = ended(*words)
    lines = found.errors.strip().splitlines()
    assert found.code == 1, found
    assert (found.out, len(lines)) == ("", 1), found
    assert lines[0].startswith("error: ")
    return lines[0]


def heed_ctrl_c() -> None:
    """For `preexec_fn`: what runs in the background inherits that SIGINT is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
