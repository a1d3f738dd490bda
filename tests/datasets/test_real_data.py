"""The readers on real sets, where these lie beside the checkout."""

from clew.datasets.cropping import crop_dataset
from clew.datasets.layouts import layouts


def test_openforensics_crops(shared, tmp_path):
    root = shared("openforensics-crops")
    items = layouts.get("openforensics-crops")(root)
    assert {(i.split, i.label) for i in items} == {(s, y) for s in ("train", "val", "test") for y in (0, 1)}
    store = crop_dataset(root, "openforensics-crops", tmp_path / "store", limit=20)
    assert store.protocol == "as-given-v1, 256 px"
    assert set(store.facts["counts"].values()) == {20}
    assert store.crop(0).std() > 5


def test_dfdc_crops_by_groups(shared, tmp_path):
    root = shared("dfdc-crops")
    store = crop_dataset(root, "folder", tmp_path / "store", limit=200)
    rows = store.index.to_pylist()
    assert store.size == 224
    assert {row["status"] for row in rows} == {"ok"}
    assert all(row["cluster"].startswith("dfdc_") for row in rows)
