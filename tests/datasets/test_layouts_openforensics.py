"""The layout `openforensics`."""

import json

import pytest
from layout_trees import coco, openforensics, read, touch, write

from clew.base.errors import ClewError
from clew.datasets.groups import clusters
from clew.datasets.layouts import layouts

PARTS = {"Train": "train", "Val": "val", "Test-Dev": "test", "Test-Challenge": "test"}


def one(root, annotation=None, image=None, **more):
    """A root of one picture with one face, some of whose facts are changed."""
    facts = coco([(7, "Images/Train/x.jpg")], [(1, 7, 1, [0, 0, 10, 10])])
    facts["annotations"][0].update(annotation or {})
    facts["images"][0].update(image or {})
    write(root / "Train_poly.json", {**facts, **more})
    return touch(root, "Images/Train/x.jpg")


def test_every_face_is_an_item(tmp_path):
    listing, found = read("openforensics", openforensics(tmp_path))
    assert listing.official
    assert listing.notes == ()
    assert len(found) == 8
    for part, split in PARTS.items():
        real, fake = found[f"Images/{part}/x.jpg", "1"], found[f"Images/{part}/x.jpg", "2"]
        assert (real.label, real.method, real.split) == (0, "real", split)
        assert (fake.label, fake.method, fake.split) == (1, "fake", split)
        assert fake.box == (20.0, 5.0, 30.5, 40.0)
        assert fake.outline == ((1.0, 2.0, 30.0, 2.0, 30.0, 40.0),)
        assert (fake.kind, fake.video, fake.groups, fake.region, fake.status) == ("picture", "", (), "", "ok")
    assert sorted(set(clusters(listing.items))) == sorted(f"Images/{part}/x.jpg" for part in PARTS)


@pytest.mark.parametrize("place", ["Images/{0}/{1}", "{0}/{1}", "{0}/{0}/{1}"])
@pytest.mark.parametrize("holder", ["", "{0}/", "Images/{0}/"])
@pytest.mark.parametrize("name", ["Images/{0}/x.jpg", "{0}/x.jpg", "x.jpg"])
def test_pictures_and_lists_lie_in_several_places(place, holder, name, tmp_path):
    for part in PARTS:
        facts = coco([(7, name.format(part))], [(1, 7, 1, [0, 0, 10, 10])])
        write(tmp_path / holder.format(part) / f"{part}_poly.json", facts)
        touch(tmp_path, place.format(part, "x.jpg"))
    listing, found = read("openforensics", tmp_path)
    assert {item.source: item.split for item in listing.items} == {
        place.format(part, "x.jpg"): split for part, split in PARTS.items()
    }
    assert {item.status for item in found.values()} == {"ok"}
    assert listing.notes == ()


def test_the_names_of_the_categories_lead(tmp_path):
    _, found = read("openforensics", one(tmp_path, categories=[{"id": 1, "name": "Real"}, {"id": 0, "name": "Fake"}]))
    assert [item.label for item in found.values()] == [0]
    _, found = read("openforensics", one(tmp_path, categories=None))
    assert [item.label for item in found.values()] == [1]


@pytest.mark.parametrize(
    ("box", "why"),
    [
        ([10, 10, -5, 5], "its box has the size -5 x 5"),
        ([10, 10, 5, 0], "its box has the size 5 x 0"),
        ([float("nan"), 0, 5, 5], "not four numbers"),
        ([0, 0, float("inf"), 5], "not four numbers"),
        ([10**400, 0, 5, 5], "not four numbers"),
        ([1, 2, 3], "not four numbers"),
        (["1", 2, 3, 4], "not four numbers"),
        ([True, 2, 3, 4], "not four numbers"),
        (None, "its box is nothing, not four numbers"),
        ([100, 0, 5, 5], "its box at 100, 0 lies outside of the picture"),
        ([0, 80, 5, 5], "lies outside of the picture"),
        ([-9, 0, 9, 5], "lies outside of the picture"),
    ],
)
def test_bad_boxes_are_unreadable_items(box, why, tmp_path):
    _, found = read("openforensics", one(tmp_path, {"bbox": box}))
    item = found["Images/Train/x.jpg", "1"]
    assert (item.status, item.box) == ("unreadable", None)
    assert item.detail.startswith("Images/Train/x.jpg, face 1: ")
    assert why in item.detail


@pytest.mark.parametrize("box", [[-5, -5, 10, 10], [95, 75, 50, 50], [0, 0, 100, 80]])
def test_boxes_that_reach_over_the_edge_are_good(box, tmp_path):
    _, found = read("openforensics", one(tmp_path, {"bbox": box}))
    assert found["Images/Train/x.jpg", "1"].status == "ok"
    assert found["Images/Train/x.jpg", "1"].box == tuple(map(float, box))


@pytest.mark.parametrize(
    ("outline", "kept"),
    [
        ({"counts": "abc", "size": [80, 100]}, ()),
        (None, ()),
        ([[1, 2, 3, 4]], ()),
        ([[1, 2, 3, 4, 5, 6, 7]], ()),
        ([[1, 2, 3, 4, 5, "6"], 7, [6, 5, 4, 3, 2, 1.5]], ((6.0, 5.0, 4.0, 3.0, 2.0, 1.5),)),
        ([[0, 0, 9, 0, 9, float("nan")]], ()),
    ],
)
def test_outlines(outline, kept, tmp_path):
    _, found = read("openforensics", one(tmp_path, {"segmentation": outline}))
    item = found["Images/Train/x.jpg", "1"]
    assert (item.outline, item.status) == (kept, "ok")


def test_missing_unnamed_unknown_and_faceless(tmp_path):
    root = openforensics(tmp_path)
    facts = coco(
        [(7, "Images/Train/x.jpg"), (8, "Images/Train/gone.jpg"), (9, "Images/Train/none.jpg")],
        [(1, 7, 0, [0, 0, 9, 9]), (2, 8, 1, [0, 0, 9, 9]), (3, 99, 1, [0, 0, 9, 9]), (4, 98, 1, [0, 0, 9, 9])],
    )
    write(root / "Train_poly.json", facts)
    touch(root, "Images/Train/none.jpg", "Images/Train/more.jpg")
    (root / "Val_poly.json").unlink()
    listing, found = read("openforensics", root)
    item = found["Images/Train/gone.jpg", "2"]
    assert item.status == "missing"
    assert item.detail == "Images/Train/gone.jpg is named by Train_poly.json, but it is not there"
    assert listing.notes == (
        "Train_poly.json: 2 annotations of unknown images are left out, the first has the id 3.",
        "Train_poly.json: 1 picture without annotated faces.",
        "Val_poly.json is not there: the pictures of Val are left out.",
        "2 files are not named by any annotation and left out, the first Images/Train/more.jpg.",
    )


def test_faces_are_in_a_fixed_order(tmp_path):
    faces = [(10, 7, 1, [0, 0, 9, 9]), (9, 7, 1, [0, 0, 9, 9]), (1, 8, 0, [0, 0, 9, 9])]
    write(tmp_path / "Train_poly.json", coco([(7, "Images/Train/b.jpg"), (8, "Images/Train/a.jpg")], faces))
    touch(tmp_path, "Images/Train/a.jpg", "Images/Train/b.jpg")
    listing, _ = read("openforensics", tmp_path)
    assert [(item.source[-5], item.face) for item in listing.items] == [("a", "1"), ("b", "9"), ("b", "10")]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"annotation": {"category_id": 2}}, "annotation 1: expected a category_id of 0, 1; found 2"),
        (
            {"annotation": {"category_id": None}},
            "annotation 1, category_id: expected a number or a name, found nothing",
        ),
        ({"annotation": {"id": [1]}}, "annotation 1, id: expected a number or a name, found a list"),
        ({"annotation": {"image_id": {}}}, "annotation 1, image_id: expected a number"),
        ({"image": {"id": True}}, "image 1, id: expected a number or a name, found true"),
        ({"image": {"file_name": 5}}, "image 1: expected the path of a file, found 5"),
        ({"annotations": {}}, "annotations: expected a list [...], found an object"),
        ({"images": None}, "images: expected a list [...], found nothing"),
        ({"annotations": [3]}, "annotation 1: expected an object {...}, found 3"),
        ({"categories": [{"id": 0, "name": "face"}]}, "category 1, name: expected real or fake, found 'face'"),
        ({"categories": [{"id": 0, "name": None}]}, "category 1, name: expected real or fake, found nothing"),
        ({"annotations": []}, "the annotation files name no faces"),
    ],
)
def test_malformed_annotations(change, why, tmp_path):
    with pytest.raises(ClewError) as caught:
        layouts.get("openforensics")(one(tmp_path, **change))
    assert why in str(caught.value)


@pytest.mark.parametrize("kind", ["images", "annotations"])
def test_an_id_that_stands_twice_is_refused(kind, tmp_path):
    root = one(tmp_path)
    facts = json.loads((root / "Train_poly.json").read_text())
    facts[kind] *= 2
    write(root / "Train_poly.json", facts)
    with pytest.raises(ClewError, match=rf"Train_poly\.json, {kind[:-1]} 2: the id [17] stands twice"):
        layouts.get("openforensics")(root)
