"""What a search costs: counted by hand on the runs of a small ladder."""

import pytest

from clew.cli.tables import search_lines
from clew.reports.words import SPACE
from clew.tickets.costs import costs, needed, search_rows

BATCH = 10


def run(method, pictures, seed=0, **more):
    return {"method": method, "seed": seed, "pictures": pictures, "mask_from": "", "begins": "rewound", **more}


RUNS = {
    "dense-s0": run("dense", 1000),
    "imp-s0-50": run("imp", 900, mask_from="dense-s0"),
    "imp-s0-80": run("imp", 800, mask_from="imp-s0-50"),
    "random-of-imp-s0-80": run("random", 1000, mask_from="imp-s0-80"),
    "one-shot-s0-80": run("one-shot", 1000, mask_from="dense-s0"),
    "snip-s0-80": run("snip", 1000),
    "early-bird-find-s0-50": run("early-bird", 300, finds=True),
    "early-bird-find-s0-80": run("early-bird", 200, finds=True, found_by="early-bird-find-s0-50"),
    "early-bird-s0-50": run("early-bird", 1000, found_by="early-bird-find-s0-50"),
    "early-bird-s0-80": run("early-bird", 1000, found_by="early-bird-find-s0-80"),
    "moved-imp-s0-80": run("moved-imp", 1000, origin="imp"),
    "random-of-moved-imp-s0-80": run("random", 1000, mask_from="moved-imp-s0-80"),
}
TICKETS = [name for name in RUNS if "find" not in name]


def facts(rewind="init", runs=RUNS):
    def entry(name):
        method, level = RUNS[name]["method"], 0.0 if name.startswith("dense") else float(name.rsplit("-", 1)[1]) / 100
        return {
            "method": method,
            "level": level,
            "seed": 0,
            "controls": "imp" if method == "random" else "",
            "run": name,
        }

    settings = {"rewind": rewind, "training": {"batch_size": BATCH // 2, "accumulate": 2}}
    return {"settings": settings, "runs": runs, "entries": [entry(name) for name in TICKETS]}


def searched(rewind):
    found = costs(facts(rewind), dict.fromkeys(RUNS, 1.0))
    return {name: cost["search_pictures"] for name, cost in found.items()}


def test_all_that_had_to_be_trained_is_found_once():
    assert needed("early-bird-s0-80", RUNS) == ["early-bird-find-s0-50", "early-bird-find-s0-80", "early-bird-s0-80"]
    assert needed("random-of-imp-s0-80", RUNS) == ["dense-s0", "imp-s0-50", "imp-s0-80", "random-of-imp-s0-80"]


def test_the_search_is_what_came_before_without_the_own_training():
    assert searched("init") == {
        "dense-s0": 0,
        "imp-s0-50": 1000,
        "imp-s0-80": 1900,
        "random-of-imp-s0-80": 2700,
        "one-shot-s0-80": 1000,
        "snip-s0-80": 0,
        "early-bird-find-s0-50": 0,
        "early-bird-find-s0-80": 300,
        "early-bird-s0-50": 300,
        "early-bird-s0-80": 500,
        "moved-imp-s0-80": None,
        "random-of-moved-imp-s0-80": None,
    }


def test_the_way_to_the_rewind_point_counts_once_for_those_that_need_no_dense_net():
    found = searched("step:7")
    assert (found["early-bird-s0-80"], found["early-bird-find-s0-50"], found["snip-s0-80"]) == (570, 70, 70)
    assert (found["imp-s0-80"], found["one-shot-s0-80"], found["dense-s0"]) == (1900, 1000, 0), (
        "the dense net covers it"
    )


def test_seconds_are_summed_as_pictures_are():
    seconds = {name: one["pictures"] / 100 for name, one in RUNS.items()}
    found = costs(facts("step:7"), seconds)
    early = {"pictures": 1000, "seconds": 10.0, "search_pictures": 570, "search_seconds": 5.7}
    assert found["early-bird-s0-80"] == early
    assert found["imp-s0-80"]["search_seconds"] == 19.0
    del seconds["imp-s0-50"]
    found = costs(facts("step:7"), seconds)
    assert (found["imp-s0-80"]["search_seconds"], found["imp-s0-50"]["seconds"]) == (None, None)
    assert found["imp-s0-80"]["seconds"] == 8.0


def test_searches_side_by_side():
    rows = {(row["method"], row["level"]): row for row in search_rows(facts())}
    assert set(rows) == {("imp", 0.5), ("imp", 0.8), ("one-shot", 0.8), ("snip", 0.8), ("early-bird", 0.5)} | {
        ("early-bird", 0.8)
    }, "no control, and nothing whose search was elsewhere"
    assert rows["imp", 0.8] == {
        "method": "imp",
        "level": 0.8,
        "seeds": 1,
        "pictures": 800,
        "search_pictures": 1900,
        "of_imp": 1.0,
    }
    assert rows["early-bird", 0.8]["of_imp"] == pytest.approx(500 / 1900)
    assert rows["early-bird", 0.5]["of_imp"] == pytest.approx(300 / 1000)
    alone = facts()
    alone["entries"] = [entry for entry in alone["entries"] if entry["method"] != "imp"]
    assert {row["of_imp"] for row in search_rows(alone)} == {None}
    two = facts(runs={**RUNS, "snip-s1-80": run("snip", 700, seed=1)})
    two["entries"].append({"method": "snip", "level": 0.8, "seed": 1, "controls": "", "run": "snip-s1-80"})
    (snip,) = (row for row in search_rows(two) if row["method"] == "snip")
    assert (snip["seeds"], snip["pictures"], snip["of_imp"]) == (2, 1700, None), "IMP has no second seed"


def test_the_line_for_the_terminal_tells_the_highest_level():
    (line,) = search_lines(search_rows(facts()))
    assert line.replace(SPACE, " ") == (
        "search cost at 80 %, training pictures of 1 seed: imp 1.9 k, early-bird 500 (26 % of imp's), "
        "one-shot 1 k (53 % of imp's), snip 0 (0 % of imp's)"
    )
    assert search_lines([]) == []
