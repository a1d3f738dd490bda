"""Which classes go first: the order of classes and its words, on intervals made by hand."""

from typing import Any

from clew.tickets.forgotten import forgotten

NAMES = ("real", "A", "B", "C", "D")


def change(mean: float, width: float = 0.02) -> dict[str, Any]:
    return {"auc": {"mean": mean, "low": mean - width, "high": mean + width, "n": 3}}


def row(target: float, *means: float | None, method: str = "imp", controls: str | None = None) -> dict[str, Any]:
    changes = [{"auc": None} if one is None else change(one) for one in means]
    return {"method": method, "controls": controls, "target": target, "minus_dense": {"classes": changes}}


LEVELS = [
    row(0.9, -0.01, -0.30, -0.10, -0.20, -0.05),
    row(0.4, 0.00, -0.01, -0.01, -0.03, -0.01),
    row(0.8, 0.00, -0.05, -0.05, +0.01, -0.02),  # the upper end of D is 0 itself
]


def test_the_lowest_level_at_which_a_loss_is_shown_decides_then_the_last_loss():
    (found,) = forgotten(LEVELS, NAMES)
    assert [(one["name"], one["from"]) for one in found["order"]] == [
        ("C", 0.4),
        ("A", 0.8),
        ("B", 0.8),
        ("D", 0.9),
        ("real", None),
    ]
    assert found["order"][0]["shown"] == [0.4, 0.9]
    assert found["text"] == (
        "imp: forgotten first: C, at 40 and 90 %; then A, B, from 80 % on; then D, at 90 %; "
        "not shown to be forgotten: real."
    )


def test_where_nothing_is_shown_the_size_of_the_drop_still_orders():
    (found,) = forgotten([row(0.5, 0.01, -0.019, -0.02, None, 0.0)], NAMES)
    assert [one["name"] for one in found["order"]] == ["B", "A", "C", "D", "real"]
    assert found["text"] == "imp: no class is shown to be forgotten at any level."


def test_every_class_may_go():
    (found,) = forgotten([row(0.5, *[-0.2] * 5), row(0.7, *[-0.3] * 5)], NAMES)
    assert found["text"] == "imp: forgotten first: real, A, B, C, D, from 50 % on."


def test_an_unknown_interval_shows_nothing():
    bare = row(0.5, *[-0.3] * 5)
    for one in bare["minus_dense"]["classes"]:
        one["auc"] |= {"low": None, "high": None}
    assert "no class is shown" in forgotten([bare], NAMES)[0]["text"]


def test_methods_are_told_apart_and_controls_and_dense_are_left_out():
    dense = {**row(0.5, *[0.0] * 5), "method": "dense", "controls": "imp", "minus_dense": None}
    rows = [dense, row(0.5, *[-0.2] * 5, method="one-shot"), row(0.5, *[0.0] * 5)]
    rows.append(row(0.5, *[-0.4] * 5, method="random", controls="imp"))
    found = forgotten(rows, NAMES)
    assert [one["method"] for one in found] == ["imp", "one-shot"]
    assert found[0]["order"][0]["from"] is None
    assert found[1]["order"][0]["from"] == 0.5
