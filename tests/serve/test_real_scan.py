"""The real work behind the service: what it answers is what a scan finds, and another ticket finds in the same faces."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from serving import Running

from bench_tickets import small_ticket
from clew.base.errors import ClewError
from clew.scan.one_file import scan_file
from clew.scan.settings import ScanSettings
from clew.scan.ticket import ready_ticket
from clew.serve.offered import offer
from clew.tickets.file import read_ticket, write_ticket

LEVELS = (0.0, 0.5, 0.9)
SCAN = ScanSettings(faces="none", form="sparse", threads=1)


@pytest.fixture(scope="module")
def ladder(tmp_path_factory):
    """A folder of three tickets."""
    folder = tmp_path_factory.mktemp("ladder")
    for level in LEVELS:
        path = small_ticket(folder / f"imp-{100 * level:.0f}.safetensors", level)
        ticket = read_ticket(path)
        calibration = {"calibration": {"temperature": 1.5}}
        search = {"search": {**ticket.header["search"], "level": level, "method": "imp"}}
        write_ticket(path, replace(ticket, header={**ticket.header, **search, **calibration}))
    return folder


@pytest.fixture(scope="module")
def server(ladder, tmp_path_factory):
    scan = {"faces": SCAN.faces, "form": SCAN.form, "threads": 1}
    running = Running(ladder=ladder, scan=scan, workers=1, temp=tmp_path_factory.mktemp("real"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def picture():
    noise = np.random.default_rng(3).integers(0, 256, (96, 96, 3), np.uint8)
    return cv2.imencode(".png", cv2.GaussianBlur(noise, (0, 0), 1.0))[1].tobytes()


def scanned(ladder, name, path):
    """What a scan in this process finds."""
    found = scan_file(path, ready_ticket(ladder / f"{name}.safetensors", SCAN), SCAN)
    return json.loads(json.dumps(found.as_dict()))


def test_it_answers_what_a_scan_finds(server, ladder, picture, tmp_path):
    path = tmp_path / "face.png"
    path.write_bytes(picture)
    for name in ("imp-0", "imp-90"):
        own = scanned(ladder, name, path)
        found = server.scan(picture, name="face.png", ticket=name)
        assert found.status == 200
        different = {key for key, value in own.items() if found.json[key] != value}
        assert different == {"path", "command"}  # where the file and the ticket lie
        assert found.json["path"] == "face.png"
        assert found.json["command"].startswith(f"clew scan face.png --ticket {name}.safetensors ")
        assert str(ladder) not in json.dumps(found.json)


def test_the_slider_gives_what_a_scan_with_that_ticket_gives(server, ladder, picture, tmp_path):
    path = tmp_path / "face.png"
    path.write_bytes(picture)
    job = f"/v1/jobs/{server.scan(picture).headers['Clew-Job']}"
    heats = {}
    for level, name in zip(LEVELS, ("imp-0", "imp-50", "imp-90"), strict=True):
        own = scanned(ladder, name, path)
        found = server.ask("POST", f"{job}/rescore?level={level}&heatmaps=true").json
        for key in ("verdict", "reason", "probability"):
            assert found[key] == own[key], key
        assert found["persons"][0]["faces"] == [own["persons"][0]["faces"][0]["probability"]]
        assert found["ticket"]["name"] == name
        assert found["ms"] > 0
        heats[name] = found["heatmaps"][0]["cells"]
        assert np.shape(heats[name]) == (8, 8)
        image = server.ask("GET", f"{job}/faces/1/0/heatmap.png?ticket={name}")
        assert cv2.imdecode(np.frombuffer(image.data, np.uint8), 1).shape == (256, 256, 3)
    assert heats["imp-0"] != heats["imp-90"]
    crop = cv2.imdecode(np.frombuffer(server.ask("GET", f"{job}/faces/1/0.jpg").data, np.uint8), 1)
    assert crop.shape[0] == crop.shape[1]
    kept = server.ask("GET", f"{job}/finding.html")
    assert kept.headers["Content-Disposition"] == "attachment"
    assert kept.data.count(b"data:image/jpeg;base64,") == 2  # the one decisive face, with and without its heatmap
    refused = server.ask("POST", f"{job}/rescore?level=0.3")
    assert "0, 0.5, 0.9" in refused.json["detail"]


def test_the_tickets_are_told_from_dense_to_sparse(server, ladder):
    told = server.ask("GET", "/v1/tickets").json["tickets"]
    assert [one["name"] for one in told] == ["imp-90", "imp-0", "imp-50"]
    assert [one["default"] for one in told] == [True, False, False]
    assert [one["bytes"] for one in told] == [(ladder / f"{one['name']}.safetensors").stat().st_size for one in told]
    assert "path" not in told[0]


def test_ladders_that_are_none(tmp_path):
    with pytest.raises(ClewError, match="no ticket to scan with"):
        offer(None, None)
    with pytest.raises(ClewError, match="holds no tickets"):
        offer(None, tmp_path)
    (tmp_path / "ladder.json").write_text('{"entries": [{"controls": ""}]}')
    with pytest.raises(ClewError, match="not the description of a ladder"):
        offer(None, tmp_path)
    entry = {"controls": "", "method": "dense", "seed": 0, "ticket": "../x.safetensors"}
    (tmp_path / "ladder.json").write_text(json.dumps({"entries": [entry]}))
    with pytest.raises(ClewError, match="outside of its folder"):
        offer(None, tmp_path)
