"""The layout `celeb-df`."""

import pytest
from layout_trees import celeb_df, read, touch, write

from clew.base.errors import ClewError
from clew.datasets.layouts import layouts

LIST = "List_of_testing_videos.txt"


def test_a_small_set(tmp_path):
    listing, found = read("celeb-df", celeb_df(tmp_path))
    assert listing.official
    facts = {source: (i.label, i.method, i.split, i.groups, i.cluster) for source, i in found.items()}
    assert facts == {
        "Celeb-real/id0_0000.mp4": (0, "real", "train", ("id0",), "id0"),
        "Celeb-real/id0_0001.mp4": (0, "real", "test", ("id0",), "id0"),
        "Celeb-synthesis/id0_id1_0000.mp4": (1, "Celeb-synthesis", "train", ("id0", "id1"), "id0"),
        "YouTube-real/00000.mp4": (0, "real", "train", ("YouTube-real/00000",), "YouTube-real/00000"),
        "YouTube-real/00170.mp4": (0, "real", "test", ("YouTube-real/00170",), "YouTube-real/00170"),
    }
    assert all(item.video == source and item.kind == "video" for source, item in found.items())
    assert len(listing.notes) == 1
    assert listing.notes[0].startswith("1 identity of Celeb-DF stand")


def test_one_means_real_and_a_list_that_has_it_the_other_way_round_is_refused(tmp_path):
    root = celeb_df(tmp_path)
    write(root / LIST, "1 YouTube-real/00170.mp4\n\n1 Celeb-synthesis/id0_id1_0000.mp4\n")
    why = rf"{LIST}, line 3: 1 says real \(in this list 1 is real\), but Celeb-synthesis/id0_id1_0000\.mp4 lies among the fake"
    with pytest.raises(ClewError, match=why):
        layouts.get("celeb-df")(root)
    write(root / LIST, "0 YouTube-real/00170.mp4\n")
    with pytest.raises(ClewError, match="line 1: 0 says fake .* among the real videos"):
        layouts.get("celeb-df")(root)


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbf1 YouTube-real/00170.mp4\r\n\r\n 1  Celeb-real/id0_0001.mp4 \r\n\n",
        b"1 YouTube-real/00170.mp4\r1\tCeleb-real\\id0_0001.mp4",
    ],
)
def test_line_ends_blank_lines_and_a_byte_order_mark(text, tmp_path):
    plain = layouts.get("celeb-df")(celeb_df(tmp_path))
    (tmp_path / LIST).write_bytes(text)
    assert layouts.get("celeb-df")(tmp_path) == plain


@pytest.mark.parametrize(
    "line", ["YouTube-real/00170.mp4", "2 YouTube-real/00170.mp4", "1", "1 Other/0.mp4", "1 Celeb-real", "1 00170.mp4"]
)
def test_a_wrong_line_is_named(line, tmp_path):
    root = celeb_df(tmp_path)
    write(root / LIST, f"1 YouTube-real/00170.mp4\n{line}\n")
    with pytest.raises(ClewError, match=rf"{LIST}, line 2: expected"):
        layouts.get("celeb-df")(root)


def test_a_listed_video_that_is_not_there_is_an_item(tmp_path):
    root = celeb_df(tmp_path)
    (root / "YouTube-real/00170.mp4").unlink()
    _, found = read("celeb-df", root)
    item = found["YouTube-real/00170.mp4"]
    assert (item.status, item.split, item.label) == ("missing", "test", 0)
    assert item.detail == f"YouTube-real/00170.mp4 is named by {LIST}, but it is not there"


def test_without_the_list_no_split_is_named(tmp_path):
    root = celeb_df(tmp_path)
    (root / LIST).unlink()
    listing, _ = read("celeb-df", root)
    assert not listing.official
    assert {item.split for item in listing.items} == {""}
    assert len(listing.notes) == 1
    assert f"{LIST} is not there" in listing.notes[0]


def test_v1_and_what_is_not_whole(tmp_path):
    touch(
        tmp_path,
        "Celeb-real/id9_0000.mp4",
        "Celeb-synthesis/id9_id12_0003.mp4",
        "Celeb-synthesis/extra.mp4",
        "cache/x.mp4",
    )
    write(tmp_path / LIST, "0 Celeb-synthesis/id9_id12_0003.mp4\n")
    listing, found = read("celeb-df", tmp_path)
    assert found["Celeb-synthesis/id9_id12_0003.mp4"].split == "test"
    assert found["Celeb-synthesis/id9_id12_0003.mp4"].cluster == "id9"
    assert found["Celeb-synthesis/extra.mp4"].status == "left-out"
    assert "expected a name such as id0_id1_0000.mp4" in found["Celeb-synthesis/extra.mp4"].detail
    assert listing.notes[:2] == (
        f"{tmp_path} has no folder YouTube-real: the set is not whole.",
        "1 folder is no part of Celeb-DF and left out, the first cache.",
    )
