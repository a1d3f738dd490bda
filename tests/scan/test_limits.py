"""Which measure of a face forbids a verdict."""

from __future__ import annotations

import pytest

from clew.base.errors import ClewError
from clew.scan.finding import REASONS
from clew.scan.limits import Limits, why_not

GOOD = {"side": 200.0, "sharpness": 60.0, "blockiness": 0.02, "brightness": 0.5, "contrast": 0.2, "clipped": 0.0}
LIMITS = Limits(40, 20, 0.3, 0.1, 0.9, 0.05, 0.5)


@pytest.mark.parametrize(
    ("measure", "allowed", "forbidden", "reason"),
    [
        ("side", 40, 39.9, "too-small"),
        ("sharpness", 20, 19.9, "too-blurred"),
        ("blockiness", 0.3, 0.31, "too-compressed"),
        ("brightness", 0.1, 0.09, "too-dark"),
        ("brightness", 0.9, 0.91, "too-dark"),
        ("contrast", 0.05, 0.04, "too-dark"),
        ("clipped", 0.5, 0.51, "too-dark"),
    ],
)
def test_each_limit_has_its_reason(measure: str, allowed: float, forbidden: float, reason: str) -> None:
    assert why_not({**GOOD, measure: allowed}, LIMITS) == ""
    assert why_not({**GOOD, measure: forbidden}, LIMITS) == reason
    assert reason in REASONS


def test_a_small_face_is_called_small_whatever_else_it_lacks() -> None:
    assert why_not(dict.fromkeys(GOOD, 0.0)) == "too-small"
    assert why_not(GOOD) == ""


@pytest.mark.parametrize(
    "wrong", [{"side": -1}, {"clipped": 2}, {"darkest": 0.95}, {"sharpness": float("nan")}, {"side": float("inf")}]
)
def test_limits_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ClewError, match="limits of a face"):
        Limits(**wrong)
