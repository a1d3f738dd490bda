import random
import struct
import zlib
from pathlib import Path

import av
import pytest
from origin_files import SOURCE, STORE, XMP, box, jpeg, picture, png, tiff, webp

from clew.scan.metadata import parts
from clew.scan.metadata.cleaned import cleaned
from clew.scan.metadata.exif import exif_facts
from clew.scan.metadata.parts import C2PA_UUID, parts_of
from clew.scan.provenance import provenance

EXIF = {"make": "A maker", "model": "Model [31m Z", "taken": "2026:01:02 03:04:05", "comment": "steps: 20", "gps": True}


def told(folder: Path, data: bytes, kind="picture", name="file"):
    path = folder / name
    path.write_bytes(data)
    return provenance(path, kind)


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_is_read_in_both_orders_and_a_place_is_not_told(order):
    assert exif_facts(tiff(order)) == EXIF
    assert "gps" not in exif_facts(tiff(order, gps=False))  # a directory of places without one


def test_a_jpeg_tells_its_camera_its_tool_and_its_quality(tmp_path):
    data = jpeg((0xE1, b"Exif\0\0" + tiff()), (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP), quality=70)
    found = told(tmp_path, data)
    assert found == {
        "exif": EXIF,
        "xmp": {
            "creator_tool": "A <painter> 3",
            "created": "2026-01-02T03:04:05",
            "digital_source_type": "trainedAlgorithmicMedia",
            "agents": ["Editor 1"],
        },
        "jpeg_quality": 70,
        "credentials": {"found": False},
    }
    assert told(tmp_path, jpeg(quality=35))["jpeg_quality"] == 35


def test_a_png_tells_its_texts_packed_or_not(tmp_path):
    packed = b"parameters\0\0" + zlib.compress(b"a portrait\nSteps: 20, Sampler: Euler")
    worded = b"Comment\0\1\0en\0\0" + zlib.compress("Grüße".encode())
    chunks = [(b"zTXt", packed), (b"tEXt", b"Software\0A\xe9"), (b"iTXt", worded), (b"eXIf", tiff())]
    found = told(tmp_path, png(*chunks, (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)))
    assert found["texts"] == {
        "parameters": "a portrait Steps: 20, Sampler: Euler",
        "Software": "Aé",
        "Comment": "Grüße",
    }
    assert found["exif"] == EXIF
    assert found["xmp"]["digital_source_type"] == "trainedAlgorithmicMedia"
    assert told(tmp_path, picture(".bmp")) == {"credentials": {"found": False}}


def test_a_small_chunk_cannot_unpack_to_much(tmp_path):
    bomb = b"parameters\0\0" + zlib.compress(bytes(64 * 2**20), 9)
    path = tmp_path / "bomb.png"
    path.write_bytes(png((b"zTXt", bomb)))
    assert len(parts_of(path).texts["parameters"]) <= parts.MOST_TEXT
    assert provenance(path, "picture")["texts"] == {"parameters": ""}


def jumbf(number: int, body: bytes) -> tuple[int, bytes]:
    return 0xEB, b"JP" + struct.pack(">HI", 1, number) + body


CARRIERS = {
    "jpeg": jpeg(jumbf(1, STORE[:60]), jumbf(2, STORE[:8] + STORE[60:])),
    "png": png((b"caBX", STORE)),
    "webp": webp((b"EXIF", tiff()), (b"C2PA", STORE)),
    "mp4": box(b"ftyp", b"isom\0\0\0\0") + box(b"mdat", bytes(64), wide=True) + box(b"uuid", C2PA_UUID + STORE),
}


@pytest.mark.parametrize("name", CARRIERS)
def test_credentials_are_found_wherever_a_format_keeps_them(tmp_path, monkeypatch, name):
    monkeypatch.setitem(__import__("sys").modules, "c2pa", None)  # as where it is not installed
    found = told(tmp_path, CARRIERS[name])["credentials"]
    assert found == {
        "found": True,
        "signature": "not verified",
        "why": "c2pa-python is not installed: pip install 'clew[credentials]'",
        "digital_source_types": ["trainedAlgorithmicMedia"],
    }
    path = tmp_path / "file"
    assert parts_of(path).credentials == STORE


def test_another_box_than_credentials_is_none(tmp_path):
    other = struct.pack(">I4sI4s", 60, b"jumb", 40, b"jumd") + b"other" + bytes(80) + b"c2pa"
    assert told(tmp_path, jpeg(jumbf(1, other)))["credentials"] == {"found": False}


def test_a_video_tells_who_wrote_it(tmp_path):
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        container.metadata.update({"creation_time": "2026-01-02T03:04:05Z", "comment": "made\u202eup"})
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        container.mux(stream.encode())
    found = provenance(path, "video")
    assert found["video"]["brand"] == "isom"
    assert found["video"]["encoder"].startswith("Lavf")
    assert found["video"]["handler"] == "VideoHandler"
    assert found["video"]["created"].startswith("2026-01-02T03:04:05")
    assert found["video"]["comment"] == "made up"
    assert found["credentials"] == {"found": False}
    path.write_bytes(path.read_bytes() + box(b"uuid", C2PA_UUID + STORE))
    assert provenance(path, "video")["credentials"]["found"]


def test_what_cannot_be_read_tells_nothing(tmp_path):
    assert provenance(tmp_path / "none.jpg", "picture") == {}
    assert provenance(tmp_path, "unknown") == {}
    assert told(tmp_path, b"") == {"credentials": {"found": False}}
    assert provenance(Path("a\0b"), "picture") == {}


def test_texts_are_made_fit_to_show():
    assert cleaned("a\x00b\x1b[1m\u202ec\u2028d\ud800e") == "a b [1m c d e"
    assert cleaned("  two \n words ") == "two words"
    assert cleaned("x" * 400) == "x" * 299 + "…"
    assert cleaned(b"\xff\xfeok") == "\ufffd\ufffdok"


def test_directories_that_point_at_themselves_end():
    loop = b"II*\0" + struct.pack("<IH", 8, 2)
    loop += struct.pack("<HHII", 0x8769, 4, 1, 8) + struct.pack("<HHII", 0x8825, 4, 1, 8) + struct.pack("<I", 8)
    assert exif_facts(loop) == {}
    many = b"II*\0" + struct.pack("<IH", 8, 65535) + struct.pack("<HHII", 0x10F, 2, 2**32 - 1, 0) * 65535
    assert set(exif_facts(many)) <= {"make"}


WHOLE = {
    "exif.jpg": jpeg((0xE1, b"Exif\0\0" + tiff()), (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP), jumbf(1, STORE)),
    "a.png": png((b"zTXt", b"k\0\0" + zlib.compress(b"text")), (b"eXIf", tiff(">")), (b"caBX", STORE)),
    "a.webp": webp((b"EXIF", tiff()), (b"XMP ", XMP), (b"C2PA", STORE)),
    "a.mp4": CARRIERS["mp4"],
}


@pytest.mark.parametrize("name", WHOLE)
def test_mutated_files_never_raise(tmp_path, name):
    draw = random.Random(name)
    for _ in range(60):
        data = bytearray(WHOLE[name][: 700 + draw.randrange(600)])
        for _ in range(draw.randint(1, 8)):
            data[draw.randrange(len(data))] = draw.choice([0, 1, 255, draw.randrange(256)])
        found = told(tmp_path, bytes(data[: draw.randrange(8, len(data))] if draw.random() < 0.3 else data))
        assert found["credentials"]["found"] in (True, False)


def test_a_signature_holds_until_a_byte_is_changed(tmp_path):
    pytest.importorskip("c2pa")
    from signed_pictures import signed

    for ending, kind in ((".jpg", "image/jpeg"), (".png", "image/png")):
        data = bytearray(signed(picture(ending), kind, SOURCE))
        found = told(tmp_path, bytes(data))["credentials"]
        assert found == {
            "found": True,
            "signature": "holds",
            "generator": "A test 1.0",
            "title": "A picture",
            "actions": ["c2pa.created"],
            "digital_source_types": ["trainedAlgorithmicMedia"],
            "signer": "signer, Testers",
        }
        data[-20] ^= 1
        changed = told(tmp_path, bytes(data))["credentials"]
        assert (changed["signature"], changed["why"]) == ("fails", "assertion.dataHash.mismatch")
    assert told(tmp_path, CARRIERS["png"])["credentials"]["signature"] == "fails"  # no claim in it
