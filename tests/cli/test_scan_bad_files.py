"""`clew scan` of a folder in which every kind of bad file lies: each has its row, and nothing stops."""

import json

import cv2
import numpy as np

from bench_tickets import small_ticket
from command_line import ended
from spoiled_files import spoiled

ODD = ("with space", "two\nlines", "лицо-脸", "quote's \"", "-dash")


def test_every_bad_file_has_its_row(tmp_path, drawn_videos):
    folder, good = tmp_path / "in", np.full((64, 64, 3), 90, np.uint8)
    folder.mkdir()
    cv2.circle(good, (32, 32), 20, (200, 150, 90), -1)
    kept = {
        **{f"{name}.png": good for name in ODD},
        "one.png": good[:1, :1],
        "wide.png": np.repeat(good, 100, 1)[:20],
        "sixteen.png": good.astype(np.uint16) * 257,
        "grey.png": good[..., 0],
        "alpha.png": np.dstack([good, good[..., :1]]),
    }
    for name, picture in kept.items():
        (folder / name).write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    (folder / "png-inside.jpg").write_bytes((folder / "grey.png").read_bytes())
    film = sorted(drawn_videos.rglob("original_sequences/**/*.mp4"))[0]
    bad = {path.name for path, _ in spoiled(folder, folder / "alpha.png", film) if path.parent == folder}
    bad -= {"moving.gif", "phone.heic", "absent.png"}  # by their names no pictures, so left out of a folder
    ticket = small_ticket(tmp_path / "t.safetensors", 0.5)
    words = ("--ticket", ticket, "--faces", "none", "--form", "sparse", "--workers", 1)
    found = ended("scan", folder, *words, "--json")
    assert found.code == 5
    rows = {one["path"].rsplit("/", 1)[1]: one for one in json.loads(found.out)["findings"]}
    assert {name for name, one in rows.items() if one["reason"] == "unreadable"} == bad
    assert len(rows) == len(bad) + len(kept) + 1
    assert all(one["probability"] is None and not one["persons"] for one in rows.values() if one["path"] in bad)
