"""`clew explain` as a user meets it."""

import json

import numpy as np
import pytest

from clew.cli.tables import interval
from clew.datasets.synth.encode import encode_video
from clew.media.pictures import encode_jpeg
from command_line import clew, refused, told
from method_stores import forged_ladder, store_of
from noise import noise_picture

QUICK = ["--limit", "16", "--no-slow", "--resamples", "100", "--seeds", "1"]


@pytest.fixture(scope="module")
def ladder(tmp_path_factory):
    return forged_ladder(tmp_path_factory)


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(encode_jpeg(noise_picture(np.random.default_rng(1), True, 64), 95))
    return path


def test_words_json_and_page_agree(ladder, tmp_path):
    words = ["explain", ladder.path, store_of(ladder), "--out", tmp_path, *QUICK]
    found = told(*words)
    page = found.pop("page")
    assert page == str(tmp_path / "explanation.html")
    assert json.loads((tmp_path / "explanation.json").read_text()) == found
    text = clew(*words, "--sparsity", "0.5")
    assert found["headline"] in text
    assert interval(found["levels"][0]["focus"]["spearman"]) in text
    assert "warning: forged knows no forged regions" in text
    assert f"page: {page}" in text


def test_a_ticket_and_a_picture(ladder, photo, tmp_path):
    ticket = ladder.path / "tickets" / "dense-s0.safetensors"
    found = told("explain", ticket, photo, "--out", tmp_path / "out")
    text = clew("explain", ticket, photo, "--out", tmp_path / "out")
    assert found["headline"] in text
    assert str(tmp_path / "out" / found["faces"][0]["overlay"]) in text
    assert f"{found['faces'][0]['probability']:.3f}" in text


def test_a_ticket_and_a_video(ladder, tmp_path):
    rng, ticket = np.random.default_rng(2), ladder.path / "tickets" / "dense-s0.safetensors"
    clip = tmp_path / "clip.MP4"
    clip.write_bytes(encode_video([noise_picture(rng, True, 48) for _ in range(6)], 25, "raw"))
    words = ["explain", ticket, clip, "--out", tmp_path / "out", "--frames", "4"]
    found, text = told(*words), clew(*words)
    (track,) = found["tracks"]
    assert [frame["frame"] for frame in track["frames"]] == found["footage"]["sampled"] == [0, 2, 3, 5]
    assert json.loads((tmp_path / "out" / "explanation.json").read_text()) == found
    assert found["headline"] in text
    assert (
        "faces: none (the ticket was trained on ready-made crops, so each frame is taken as one; --faces dlib finds faces)"
        in text
    )
    assert f"whole frames: {'fake' if track['fake'] else 'real'}, mean probability of fake {track['probability']:.3f} in 4 frames" in text  # fmt: skip
    assert str(tmp_path / "out" / track["sheet"]) in text
    assert "warning" not in text
    assert "--frames 0: expected 1 to 128" in refused(*words[:-1], "0")
    clip.write_bytes(b"")
    assert "clip.MP4 is empty" in refused(*words)


def test_what_does_not_go_together_is_refused(ladder, photo, tmp_path):
    ticket, out = ladder.path / "tickets" / "dense-s0.safetensors", ["--out", tmp_path / "out"]
    assert "of a ladder name a crop store" in refused("explain", ladder.path, photo, *out)
    assert "of a ticket name a picture or a video" in refused("explain", ticket, store_of(ladder), *out)
    assert "is not a ladder" in refused("explain", tmp_path, store_of(ladder), *out)
    assert "is not a crop store" in refused("explain", ladder.path, tmp_path / "nowhere", *out)
    assert "blocks.3.0" in refused("explain", ladder.path, store_of(ladder), *out, "--layer", "nose")
    assert "has no such tickets at level 0.7" in refused("explain", ladder.path, store_of(ladder), *out, "--sparsity", "0.7")  # fmt: skip
    assert "--trust x" in refused("explain", ladder.path, store_of(ladder), *out, "--trust", "x")
