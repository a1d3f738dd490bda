"""The service by its answers: every limit, every way in which a file or a worker may go wrong, and what is left."""

import asyncio
import json
import os
import signal
import struct
import threading
import time
import zlib

import pytest
from serving import PRETEND, Running, form, jpeg, replies
from starlette.requests import Request

from bench_tickets import small_ticket
from clew.serve import about, page
from clew.serve.limits import Limits

LIMITS = Limits(
    bytes=4000, pixels=1000, fields=4, name=40, upload_s=5, idle_s=0.4, rate=2000, head_s=0.4, scan_s=1.0, wait_s=5,
    short_s=20, uploads=20, queue=2, connections=50, kept=8, kept_s=60, kept_bytes=10**6, frames=9,
)  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("serve")
    running = Running(
        ticket=small_ticket(folder / "tiny.safetensors"), limits=LIMITS, workers=1, temp=folder, grace_s=0.5, **PRETEND
    )
    yield running
    running.stop()
    assert not running.service.folder.path.exists()


@pytest.fixture(autouse=True)
def _nothing_is_left(server):
    yield
    for job in list(server.service.jobs._jobs.values()):
        server.ask("DELETE", f"/v1/jobs/{job.id}")
    assert server.left() == []
    assert server.service.arriving.count == 0


def png(width, height):
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


def test_a_picture_is_answered_at_once(server):
    found = server.scan(jpeg(), name="../../etc/a face.jpg")
    assert found.status == 200
    assert (found.json["path"], found.json["verdict"], found.json["probability"]) == ("a face.jpg", "real", 0.25)
    address = f"/v1/jobs/{found.headers['Clew-Job']}"
    job = server.ask("GET", address).json
    assert (job["state"], job["progress"], job["finding"], job["faces"]) == ("done", 1.0, found.json, [[1, 0]])
    crop = server.ask("GET", f"{address}/faces/1/0.jpg")
    assert crop.data.startswith(b"\xff\xd8")
    assert server.ask("GET", f"{address}/faces/1/1.jpg").problem == "no-such-face"
    assert server.ask("GET", f"{address}/faces/1/x.jpg").problem == "bad-value"
    assert server.ask("POST", f"{address}/rescore?ticket=tiny").json["probability"] == 0.9
    assert server.ask("POST", f"{address}/rescore?level=0.5").problem == "bad-value"
    assert server.ask("DELETE", address).status == 204
    assert server.ask("GET", address).problem == "no-such-job"


@pytest.mark.parametrize(
    ("data", "problem", "status"),
    [
        (b"", "empty", 422),
        (b"PK\x03\x04 a zip that is called a picture", "unknown-kind", 415),
        (b"MZ\x90\x00", "unknown-kind", 415),
        (b"#EXTM3U\nhttp://127.0.0.1/\n", "unknown-kind", 415),
        (b"<svg onload='x'/>", "unknown-kind", 415),
        (png(30000, 30000), "too-many-pixels", 422),
        (b"\xff\xd8\xff\xd9", "unreadable", 422),
        (b"\x00\x00\x00\x18ftypmp42 and no more of it", "unreadable", 422),
        (jpeg(b"." * 4000), "too-large", 413),
        (jpeg(b"ODD"), "unreadable", 422),
        (jpeg(b"CRASH"), "broke-the-decoder", 422),
        (jpeg(b"LIES"), "broke-the-decoder", 422),
        (jpeg(b"EATS"), "too-much-work", 422),
        (jpeg(b"HANG"), "too-much-work", 422),
        (jpeg(b"LOST"), "worker-lost", 503),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_bad_file_is_refused_by_name_and_the_next_one_is_scanned(server, data, problem, status):
    found = server.scan(data)
    assert (found.status, found.problem) == (status, problem)
    assert server.scan(jpeg()).status == 200


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"ticket": "other"}, "bad-value"),
        ({"frames": "10"}, "bad-value"),
        ({"frames": "²"}, "bad-value"),
        ({"frames": "-1"}, "bad-value"),
        ({"what": "x"}, "bad-value"),
        ({"field": "data"}, "bad-value"),
        ({"ticket": "x" * 41}, "bad-value"),
    ],
)
def test_a_wrong_field_is_refused(server, fields, problem):
    assert server.scan(jpeg(), **fields).problem == problem


def test_forms_that_are_none_are_refused(server):
    assert server.ask("POST", "/v1/scan", b"{}", {"Content-Type": "application/json"}).problem == "not-a-form"
    assert server.ask("POST", "/v1/scan", b"").problem == "not-a-form"
    body, headers = form(jpeg())
    assert server.ask("POST", "/v1/jobs", body[:-30], headers).problem == "bad-form"
    assert server.ask("POST", "/v1/jobs", b"no form at all", headers).problem == "bad-form"


def test_a_stream_that_never_ends_is_cut_off_while_it_is_read(server):
    with server.connected() as link:
        head, _ = form(b"")
        link.sendall(
            b"POST /v1/scan HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: multipart/form-data; boundary=----clewboundary\r\n\r\n"
        )
        begun = head[: head.index(b"\r\n\r\n") + 4]
        link.sendall(b"%x\r\n%s\r\n" % (len(begun), begun))
        threading.Thread(target=pour, args=(link,), daemon=True).start()
        answer = b""
        while b"\r\n\r\n" not in answer or b"}" not in answer:
            answer += link.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"urn:clew:problem:too-large" in answer


def pour(link):
    try:
        while True:
            link.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")
    except OSError:
        pass


def test_a_length_that_is_too_large_is_refused_before_a_byte_is_read(server):
    with server.connected() as link:
        link.sendall(
            b"POST /v1/scan HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        )
        answer = replies(link)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize("pause", [0.05, 10.0], ids=["a trickle", "a halt"])
def test_slow_uploads_are_ended(server, pause):
    with server.connected() as link:
        link.sendall(
            b"POST /v1/scan HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
        )
        stop = threading.Event()
        threading.Thread(target=trickle, args=(link, pause, stop), daemon=True).start()
        answer = b""
        while b"}" not in answer:
            answer += link.recv(65536)
        stop.set()
    assert answer.startswith(b"HTTP/1.1 408")


def trickle(link, pause, stop):
    try:
        while not stop.wait(pause):
            link.sendall(b"a")
    except OSError:
        pass


def test_a_head_that_does_not_come_is_not_waited_for(server):
    with server.connected() as silent, server.connected() as slow:
        slow.sendall(b"GET /v1/health HTTP/1.1\r\nHost: local")
        for link in (silent, slow):
            assert replies(link).startswith(b"HTTP/1.1 408")


def test_what_is_no_http_is_refused(server):
    with server.connected() as link:
        link.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert replies(link).startswith(b"HTTP/1.1 400")
    with server.connected() as link:
        link.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 70000)
        assert replies(link).startswith(b"HTTP/1.1 400")


def test_a_job_tells_how_far_it_is(server):
    address = server.job(jpeg(b"SLOW"))
    seen = []
    while (found := server.ask("GET", address).json)["state"] in ("queued", "running"):
        seen.append(found["progress"])
        assert found["finding"] is None
    assert seen == sorted(seen)
    assert any(0 < share < 1 for share in seen)
    assert found["finding"]["verdict"] == "real"


def test_of_a_scan_that_failed_nothing_more_is_had(server):
    address = server.job(b"neither a picture nor a video")
    assert server.ended(address)["state"] == "failed"
    for method, part in (
        ("POST", "rescore"),
        ("GET", "finding.html"),
        ("GET", "faces/1/0.jpg"),
        ("GET", "faces/1/0/heatmap.png"),
    ):
        found = server.ask(method, f"{address}/{part}")
        assert (found.status, found.problem) == (409, "not-done")
        assert found.json["detail"].startswith("the scan ended without a finding: ")


def test_a_long_video_goes_on_as_a_job(server):
    found = server.scan(jpeg(b"LONG SLOW"))
    assert (found.status, found.json["state"] in ("queued", "running")) == (202, True)
    assert server.ended(found.headers["Location"])["state"] == "done"


def test_a_job_is_cancelled_within_a_second_and_the_next_runs(server):
    address = server.job(jpeg(b"SPINS"))
    while server.ask("GET", address).json["state"] != "running":
        time.sleep(0.01)
    begun = time.monotonic()
    assert server.ask("POST", f"{address}/rescore").problem == "not-done"
    assert server.ask("DELETE", address).status == 204
    assert time.monotonic() - begun < 1.0
    assert server.ask("GET", address).status == 404
    assert server.scan(jpeg()).status == 200


def test_a_caller_who_goes_away_takes_the_scan_along(server):
    body, headers = form(jpeg(b"HANG"))
    told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with server.connected() as link:
        link.sendall(
            f"POST /v1/scan HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n{told}\r\n".encode() + body
        )
        wait_for(lambda: server.service.jobs.all("running"))
    wait_for(lambda: not len(server.service.jobs))


def wait_for(holds):
    until = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_worker_killed_in_the_middle_fails_its_job_alone(server):
    first, second = server.job(jpeg(b"HANG")), server.job(jpeg())
    wait_for(lambda: server.service.jobs.all("running"))
    (worker,) = server.service.scanners.workers
    os.kill(worker.process.pid, signal.SIGKILL)
    failed = server.ended(first)
    assert (failed["state"], failed["problem"]["type"]) == ("failed", "urn:clew:problem:worker-lost")
    assert "SIGKILL" in failed["problem"]["detail"]
    assert server.ended(second)["state"] == "done"


def test_an_idle_worker_that_is_killed_is_replaced(server):
    (worker,) = server.service.scanners.workers
    os.kill(worker.process.pid, signal.SIGKILL)
    wait_for(lambda: server.service.scanners.workers and worker not in server.service.scanners.workers)
    assert server.scan(jpeg()).status == 200


def test_too_many_that_wait_are_refused(server):
    addresses = [server.job(jpeg(b"HANG"))]
    wait_for(lambda: server.service.jobs.all("running"))
    addresses += [server.job(jpeg()) for _ in range(2)]
    refused = server.scan(jpeg())
    assert (refused.status, refused.problem, refused.headers["Retry-After"]) == (503, "too-busy", "5")
    server.ask("DELETE", addresses[0])
    assert [server.ended(address)["state"] for address in addresses[1:]] == ["done", "done"]


def test_only_so_many_jobs_are_kept(server):
    first = server.scan(jpeg()).headers["Clew-Job"]
    for _ in range(8):
        server.scan(jpeg())
    wait_for(lambda: len(server.service.jobs) == 8)
    assert server.ask("GET", f"/v1/jobs/{first}").status == 404


def test_many_at_once(server):
    """Every third one is bad; each is answered as if it were alone, or told to come back."""
    found = [0] * 24

    def send(at):
        body, headers = form(b"PK\x03\x04" if at % 3 == 0 else jpeg())
        while (answer := server.ask("POST", "/v1/scan", body, headers, check=False)).status == 503:
            time.sleep(0.05)
        found[at] = answer.status

    threads = [threading.Thread(target=send, args=(at,)) for at in range(len(found))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [415 if at % 3 == 0 else 200 for at in range(len(found))]


def test_what_it_says_of_itself(server):
    health = server.ask("GET", "/v1/health").json
    assert (health["ready"], health["workers"], health["limits"]["bytes"]) == (True, 1, 4000)
    assert server.ask("GET", "/v1/health/live").status == 204
    assert server.ask("GET", "/v1/health/ready").status == 204
    (ticket,) = server.ask("GET", "/v1/tickets").json["tickets"]
    assert (ticket["name"], ticket["default"], ticket["detector"]) == ("tiny", True, "meso4")
    server.scan(jpeg(), name="secret name.jpg")
    server.ask("GET", "/v1/jobs/secret-job")
    told = server.ask("GET", "/metrics").data.decode()
    assert 'clew_scans_total{ended="real",kind="picture"}' in told
    assert 'clew_problems_total{problem="no-such-job"}' in told
    assert "secret" not in told


def test_every_answer_carries_the_headers_of_safety(server):
    for method, path in (
        ("GET", "/"),
        ("GET", "/v1/health"),
        ("GET", "/../../etc/passwd"),
        ("PUT", "/v1/scan"),
        ("POST", "/v1/scan"),
    ):
        found = server.ask(method, path)
        assert found.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; ")
        assert "unsafe" not in found.headers["Content-Security-Policy"]
        assert (found.headers["X-Content-Type-Options"], found.headers["X-Frame-Options"]) == ("nosniff", "DENY")
        assert not [name for name in found.headers if name.lower().startswith("access-control")]
        assert "server" not in {name.lower() for name in found.headers}
        assert found.status < 500


def test_another_host_and_another_origin_are_refused(server):
    found = server.ask("GET", "/v1/health", headers={"Host": "evil.example"})
    assert (found.status, found.problem) == (421, "other-host")
    body, headers = form(jpeg())
    for more in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        assert server.ask("POST", "/v1/scan", body, {**headers, **more}).problem == "other-origin"
    own = {"Origin": f"http://127.0.0.1:{server.port}", "Sec-Fetch-Site": "same-origin"}
    assert server.ask("POST", "/v1/scan", body, {**headers, **own}).status == 200


def test_the_document_names_every_problem_once(server):
    text = json.dumps(server.document)
    assert "HTTPValidationError" not in text
    assert server.document["components"]["schemas"]["ProblemDetails"]["additionalProperties"] is False
    assert set(server.document["paths"]["/v1/scan"]["post"]["responses"]) >= {
        "200",
        "202",
        "408",
        "413",
        "415",
        "422",
        "503",
    }


def test_what_cannot_be_done_tells_what_can(server):
    for method, path, allowed in (
        ("GET", "/v1/scan", "POST"), ("PUT", "/v1/jobs/x", "DELETE, GET"), ("OPTIONS", "/v1/health", "GET"),
    ):  # fmt: skip
        found = server.ask(method, path, check=False)
        assert (found.status, found.problem, found.headers["Allow"]) == (405, "wrong-method", allowed)
    assert server.ask("GET", "/v1/other").problem == "not-found"


def test_the_page_is_its_own_files_alone(tmp_path, monkeypatch):
    (tmp_path / "page" / "deep").mkdir(parents=True)
    for name in ("index.html", "app.js", ".hidden", "deep/a.svg", "code.py"):
        (tmp_path / "page" / name).write_text(name)
    monkeypatch.setattr(page, "files", lambda package: tmp_path)
    found = page.page_files()
    assert set(found) == {"", "index.html", "app.js", "deep/a.svg"}
    assert found["app.js"].media_type == "text/javascript; charset=utf-8"
    routes = {route.path: route for route in about.page_router().routes}
    assert set(routes) == {f"/{name}" for name in found}
    request = Request({"type": "http", "method": "GET", "path": "/", "headers": []})
    first = asyncio.run(routes["/"].endpoint(request))
    assert (first.body, first.headers["cache-control"]) == (b"index.html", "no-cache")
    again = Request(
        {"type": "http", "method": "GET", "path": "/", "headers": [(b"if-none-match", first.headers["etag"].encode())]}
    )
    assert asyncio.run(routes["/"].endpoint(again)).status_code == 304
