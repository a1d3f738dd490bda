"""Who may ask: hosts, origins, tokens; and what a server refuses to start with."""

import re
from dataclasses import asdict
from pathlib import Path

import pytest

from clew.base.errors import ClewError
from clew.serve.guard import check, name_of
from clew.serve.limits import Limits, limits_from
from clew.serve.problems import PROBLEMS, Problem
from clew.serve.settings import ServeSettings, is_loopback, token_for
from command_line import refused

TOKEN = "a-token-of-some-length"


def asked(settings, method="GET", path="/v1/health", **headers):
    """The problem with a request, "" where there is none."""
    given = {"host": "localhost:8080", **{name.replace("_", "-"): value for name, value in headers.items()}}
    try:
        check(settings, method, path, given)
    except Problem as problem:
        return problem.name
    return ""


def test_on_loopback_only_its_own_names_are_answered():
    own = ServeSettings()
    for host in ("localhost", "LOCALHOST:80", "127.0.0.1:8080", "[::1]:8080", "[::1]"):
        assert asked(own, host=host) == ""
    for host in ("", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "[::1].evil", "0.0.0.0"):
        assert asked(own, host=host) == "other-host"


def test_a_proxys_name_is_answered_with_a_token_alone():
    named = ServeSettings(names=("Clew.example.org",), token=TOKEN)
    assert asked(named, host="clew.example.org", authorization=f"Bearer {TOKEN}") == ""
    assert asked(named, host="clew.example.org") == "token-needed"
    assert asked(named, host="other.example.org", authorization=f"Bearer {TOKEN}") == "other-host"
    with pytest.raises(ClewError, match="a token is needed"):
        ServeSettings(names=("clew.example.org",))


def test_beyond_loopback_a_token_is_needed_for_all_but_the_page():
    with pytest.raises(ClewError, match="a token is needed"):
        ServeSettings(host="0.0.0.0")
    wide = ServeSettings(host="0.0.0.0", token=TOKEN)
    for path in ("/v1/health", "/v1/jobs/x", "/metrics", "/openapi.json"):
        assert asked(wide, path=path, host="anything") == "token-needed"
        assert asked(wide, path=path, authorization=f"bearer {TOKEN}") == ""
        for wrong in (TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer", f"Bearer {TOKEN[:-1]}", "Bearer \xff"):
            assert asked(wide, path=path, authorization=wrong) == "token-needed"
    for path in ("/", "/app.js", "/v1/health/live"):
        assert asked(wide, path=path) == ""


def test_pages_from_elsewhere_change_nothing():
    own = ServeSettings()
    for method in ("POST", "DELETE", "PUT"):
        assert asked(own, method, origin="http://localhost:8080") == ""
        assert asked(own, method, origin="https://localhost:8080") == ""  # behind a proxy that ends TLS
        for origin in ("http://localhost:9090", "http://evil.example", "null", ""):
            assert asked(own, method, origin=origin) == "other-origin"
        for site in ("cross-site", "same-site"):
            assert asked(own, method, sec_fetch_site=site) == "other-origin"
    assert asked(own, "GET", origin="http://evil.example") == ""  # it cannot read the answer


def test_names_of_hosts():
    assert [name_of(host) for host in ("A:1", "a", "[::1]:80", "::1", "a:b:80")] == ["a", "a", "[::1]", "::1", "a:b:80"]
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "example.org", "localhost.example.org", "")))


def test_a_token_is_made_where_others_can_reach_the_server(monkeypatch):
    monkeypatch.delenv("CLEW_TOKEN", raising=False)
    assert token_for("127.0.0.1", ()) == ("", False)
    (first, made), (second, _) = token_for("0.0.0.0", ()), token_for("localhost", ("example.org",))
    assert made
    assert len(first) >= 32
    assert first != second
    assert first not in repr(ServeSettings(host="0.0.0.0", token=first))
    monkeypatch.setenv("CLEW_TOKEN", TOKEN)
    assert token_for("127.0.0.1", ()) == (TOKEN, False)
    for bad in ("short", "a b\nc" * 9, "ä" * 20):
        monkeypatch.setenv("CLEW_TOKEN", bad)
        with pytest.raises(ClewError, match=r"\$CLEW_TOKEN"):
            token_for("127.0.0.1", ())


def test_limits_by_name():
    assert limits_from(["bytes=5", "scan_s=1.5"]) == Limits(bytes=5, scan_s=1.5)
    for word, why in (
        ("bytes", "NAME=VALUE"),
        ("bites=5", "'bytes'"),
        ("bytes=1.5", "whole"),
        ("queue=0", "more than 0"),
    ):
        with pytest.raises(ClewError, match=why):
            limits_from([word])


def test_every_problem_is_the_callers_or_passes():
    assert {name for name, (status, _) in PROBLEMS.items() if status >= 500} == {
        "failed", "too-busy", "worker-lost", "shutting-down", "not-ready",
    }  # fmt: skip
    assert Problem("too-busy", "x").headers() == {"Retry-After": "5"}
    assert Problem("token-needed", "x").headers() == {"WWW-Authenticate": "Bearer"}


def test_the_guide_tells_every_limit():
    guide = (Path(__file__).resolve().parents[2] / "docs" / "serve.md").read_text()
    told = {name: float(usual) for name, usual in re.findall(r"^\| `(\w+)`[^|]*\| (\d+) \|", guide, re.MULTILINE)}
    assert told == asdict(Limits())


def test_the_command_refuses_in_one_line(tmp_path):
    (tmp_path / "no.safetensors").write_bytes(b"no ticket")
    ticket = ["--ticket", tmp_path / "no.safetensors"]
    assert "no.safetensors is not a whole ticket" in refused("serve", *ticket)
    assert "holds no tickets" in refused("serve", "--ladder", tmp_path / "none")
    assert "--limit bytes=x: expected a whole number" in refused("serve", *ticket, "--limit", "bytes=x")
    assert "--port 99999" in refused("serve", *ticket, "--port", "99999")
