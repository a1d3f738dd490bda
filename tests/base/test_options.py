"""KEY=VALUE, as numbers, truths and texts."""

import pytest

from clew.base.errors import ClewError
from clew.base.options import parse_options


def test_values_are_taken_as_what_they_look_like():
    words = ["a=4", "b=-0.5", "c=1e-3", "d=true", "e=False", "f=cnn5", "g=", "h=x=y", "i=1_000", "j=3.", "k=nan"]
    found = parse_options(words)
    assert found == {
        "a": 4, "b": -0.5, "c": 1e-3, "d": True, "e": False, "f": "cnn5", "g": "", "h": "x=y", "i": "1_000", "j": 3.0,
        "k": "nan",
    }  # fmt: skip
    assert [type(found[key]) for key in "abdf"] == [int, float, bool, str]
    assert list(found) == list("abcdefghijk")
    assert parse_options([]) == {}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["depth"], r"--set depth: expected KEY=VALUE"),
        (["=4"], "expected KEY=VALUE"),
        (["a b=4"], "expected KEY=VALUE"),
        (["classes=3"], r"give that as --classes"),
        (["input_size=64"], r"give that as --size"),
        (["a=1", "a=2"], "'a' is given twice"),
        (["a=1e999"], "out of range"),
        (["a=" + "9" * 5000], "out of range"),
    ],
)
def test_what_is_no_option(words, why):
    with pytest.raises(ClewError, match=why):
        parse_options(words)
