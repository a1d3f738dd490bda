import pytest

from clew.base.errors import ClewError
from clew.base.hashing import stable_fraction, stable_seed
from clew.base.registry import Registry


def test_an_unknown_name_lists_the_known_ones_and_the_near_one():
    things: Registry[int] = Registry("thing")
    things.register("alpha")(1)
    things.register("beta")(2)
    with pytest.raises(ClewError, match=r"unknown thing 'alpa'. Did you mean 'alpha'\? Known: alpha, beta"):
        things.get("alpa")
    assert things.names() == ["alpha", "beta"]


def test_a_name_is_taken_once():
    things: Registry[object] = Registry("thing")
    things.register("a")(object())
    with pytest.raises(ValueError, match="registered twice"):
        things.register("a")(object())


def test_stable_seeds_are_the_same_in_every_process():
    assert stable_seed("init", 0) == 5696364089584488662
    assert stable_seed("init", 0) != stable_seed("init", 1) != stable_seed("init", "1")
    values = [stable_fraction("x", i) for i in range(2000)]
    assert 0 <= min(values) < max(values) < 1
    assert abs(sum(values) / 2000 - 0.5) < 0.03
