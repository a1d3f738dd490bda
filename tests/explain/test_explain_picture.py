"""One picture through a ticket: the face that is cut, its probability, the raw heatmap, and drawings on one scale."""

import json

import cv2
import numpy as np
import pytest
import torch

from clew.base.crops import resize
from clew.base.errors import ClewError
from clew.explain import faces
from clew.explain.heatmaps import heatmaps
from clew.explain.picture import explain_picture
from clew.media.faces.base import Box, Detection
from clew.media.overlay import HEAT, colour_stops, overlaid
from clew.media.pictures import encode_jpeg, read_picture
from clew.tickets.ticket import load_ticket
from method_stores import forged_ladder
from noise import noise_picture


@pytest.fixture(scope="module")
def ticket(tmp_path_factory):
    return forged_ladder(tmp_path_factory).path / "tickets" / "imp-s0-50.safetensors"


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(encode_jpeg(noise_picture(np.random.default_rng(3), True, 96), 95))
    return path


def test_a_crop_is_taken_as_it_is(ticket, photo, tmp_path):
    out = tmp_path / "out"
    found = explain_picture(ticket, photo, out)
    (face,) = found["faces"]
    crop = resize(read_picture(photo), 32)
    assert face["probability"] == load_ticket(ticket).predict(crop[None])[0]
    assert (face["box"], found["cropping"]["faces"]) == (None, "none")
    assert np.array_equal(read_picture(out / face["crop"]), crop)
    images = torch.from_numpy(crop[None]).permute(0, 3, 1, 2).float() / 255
    wanted = heatmaps(load_ticket(ticket).detector(), images, torch.tensor([1]), "blocks.3.0")[0].numpy()
    kept = np.load(out / face["heatmap"])
    assert np.allclose(kept, wanted, rtol=1e-4, atol=1e-8)
    assert face["peak"] == found["heatmaps"]["scale"] == kept.max()
    assert np.array_equal(read_picture(out / face["overlay"]), overlaid(crop, kept, float(kept.max()), side=384))
    assert face["empty"] or sum(face["parts"].values()) == pytest.approx(1)
    assert json.loads((out / "explanation.json").read_text()) == json.loads(json.dumps(found))


class Two:
    """A face detector that finds two faces anywhere."""

    smallest, best, name = 1.0, 1.0, "dlib"

    def find(self, picture, lenient=False):
        return [Detection(Box(4, 4, 40, 40), 1.0), Detection(Box(60, 60, 20, 20), 1.0)]


def test_all_faces_are_cut_as_asked_and_have_one_scale(ticket, photo, tmp_path, monkeypatch):
    monkeypatch.setattr(faces, "make_detector", lambda name, model: Two())
    monkeypatch.setattr(faces, "faces_in_picture", lambda picture, finder: finder.find(picture))
    found = explain_picture(ticket, photo, tmp_path / "out", faces="dlib")
    assert [face["box"] for face in found["faces"]] == [[4, 4, 40, 40], [60, 60, 20, 20]]
    assert found["heatmaps"]["scale"] == max(face["peak"] for face in found["faces"])
    first = read_picture(tmp_path / "out" / found["faces"][0]["crop"])
    assert np.array_equal(first, resize(read_picture(photo)[:52, :52], 32))  # 1.3 times 40, moved into the picture
    for face in found["faces"]:
        heat = np.load(tmp_path / "out" / face["heatmap"])
        crop = read_picture(tmp_path / "out" / face["crop"])
        drawn = overlaid(crop, heat, found["heatmaps"]["scale"], side=384)
        assert np.array_equal(read_picture(tmp_path / "out" / face["overlay"]), drawn)


def test_without_a_face_and_other_bad_input(ticket, photo, tmp_path, monkeypatch):
    monkeypatch.setattr(faces, "make_detector", lambda name, model: Two())
    monkeypatch.setattr(faces, "faces_in_picture", lambda picture, finder: [])
    with pytest.raises(ClewError, match=r"photo.jpg: dlib finds no face in it.*--faces none"):
        explain_picture(ticket, photo, tmp_path / "out", faces="dlib")
    with pytest.raises(ClewError, match="unknown target 'Grid'"):
        explain_picture(ticket, photo, tmp_path / "out", target="Grid")
    with pytest.raises(ClewError, match="'head' of Meso4"):
        explain_picture(ticket, photo, tmp_path / "out", layer="head")
    text = tmp_path / "photo.txt"
    text.write_text("no picture")
    with pytest.raises(ClewError, match=r"photo.txt is not a JPEG"):
        explain_picture(ticket, text, tmp_path / "out")
    with pytest.raises(ClewError, match="is a file"):
        explain_picture(ticket, photo, photo)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("protocol", "faces_asked", "wanted"),
    [
        ("as-given-v1, 64 px", "auto", ("none", 1.3)),
        ("dlib-v2, 1.3 times the box, 32 frames a video, 256 px", "auto", ("dlib", 1.3)),
        ("opencv-v1, 1.5 times the box, 256 px; as-given-v1, 64 px", "auto", ("opencv", 1.5)),
        ("boxes-v1, 1.3 times the box, 256 px", "auto", ("dlib", 1.3)),
        ("as-given-v1, 64 px", "yunet", ("yunet", 1.3)),
    ],
)
def test_the_crop_follows_the_tickets_protocol(protocol, faces_asked, wanted):
    class Stub:
        header = {"protocol": protocol}  # noqa: RUF012

    found = faces.cutting_for(Stub(), faces_asked)
    assert (found.finder, found.scale) == wanted


def test_the_scale_is_the_callers():
    """Half the heat on the same scale is not as bright; half of both is the same drawing, bit for bit."""
    picture = np.full((8, 8, 3), 100, np.uint8)
    heat = np.zeros((4, 4), np.float32)
    heat[:2] = 3.0
    full = overlaid(picture, heat, 3.0, side=8)
    assert np.array_equal(full, overlaid(picture, heat / 2, 1.5, side=8))
    assert overlaid(picture, heat / 2, 3.0, side=8)[0].sum() < full[0].sum()
    ends = [
        np.array([int(stop[at : at + 2], 16) for at in (1, 3, 5)]) for stop in (colour_stops()[0], colour_stops()[-1])
    ]
    for row, end in ((-1, ends[0]), (0, ends[1])):  # below no heat, above the scale's end
        assert np.abs(full[row, 0] - (HEAT * end + (1 - HEAT) * 100)).max() <= 1
    assert np.array_equal(overlaid(picture, heat * 0, 0.0, side=8), overlaid(picture, heat * 0, 1.0, side=8))


def test_the_region_is_outlined():
    picture, region = np.zeros((16, 16, 3), np.uint8), np.zeros((16, 16), bool)
    region[4:12, 4:12] = True
    drawn = overlaid(picture, np.zeros((2, 2), np.float32), 1.0, region, side=32)
    plain = overlaid(picture, np.zeros((2, 2), np.float32), 1.0, side=32)
    changed = (drawn != plain).any(2)
    assert changed[8, 8:24].all()
    assert not changed[12:20, 12:20].any()
    assert not changed[:8].any()
    assert cv2.countNonZero(changed.astype(np.uint8)) == 4 * 15
