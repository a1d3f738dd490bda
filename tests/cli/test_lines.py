"""Lines for the terminal: names from files, and counts with their nouns."""

from clew.cli.console import printable
from clew.cli.tables import class_lines
from clew.reports.words import SPACE, averaged

ONE = {"mean": 0.5, "low": 0.25, "high": 0.75, "n": 1}


def found(seeds, unknown):
    rates = [{"name": name, "count": 2, "precision": ONE, "recall": ONE, "f1": None} for name in ("real", "a")]
    dense = {"seeds": seeds, "macro_auc": ONE, "accuracy": ONE, "classes": [{"auc": ONE}, {"auc": None}]}
    more = {"rates": rates, "confusion": [[1, 1], [0, 2]], "unknown": unknown}
    return {"names": ["real", "a\x1b[2J\nb"], "dense": dense | more, "levels": []}


def test_counts_and_their_nouns():
    one, three = "\n".join(class_lines(found(1, 1))), "\n".join(class_lines(found(3, 2)))
    assert "none), 1 seed: macro AUC" in one
    assert "what was told; 1 seed)" in one
    assert "1 row of methods that were not in training" in one
    assert "what was told; mean of 3 seeds)" in three
    assert "2 rows of methods that were not in training" in three
    assert (averaged(1), averaged(3)) == (f"1{SPACE}seed", f"mean over 3{SPACE}seeds")


def test_names_from_files_move_no_cursor():
    assert "a?[2J b" in "\n".join(class_lines(found(1, 0)))
    assert printable("5\N{NO-BREAK SPACE}% \x1b[31mred\x07\nline\u202eback é") == (
        "5\N{NO-BREAK SPACE}% ?[31mred? line?back é"
    )
