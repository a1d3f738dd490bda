"""Persons of a video: rather split than mixed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from clew.media.appearance import alike, appearance
from clew.media.faces.base import Box
from clew.scan.persons import TrackSummary, persons


def crop(shirt: int, seed: int = 0) -> NDArray[np.uint8]:
    """A face (64, 64, 3) above a shirt of its own hue."""
    rng = np.random.default_rng(seed)
    picture = np.full((64, 64, 3), (210, 160, 120), np.uint8)
    picture[:20] = (60, 40, 20)
    picture[26:30, 16:24] = picture[26:30, 40:48] = 30
    picture[44:] = [(200, 30, 30), (30, 200, 30), (30, 30, 200)][shirt]
    return np.clip(picture + rng.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)


HERE, THERE = Box(100, 100, 80, 80), Box(400, 100, 80, 80)
RED, GREEN = appearance(crop(0)), appearance(crop(1))


def track(frames: range, looks: NDArray[np.float64] = RED, place: Box = HERE) -> TrackSummary:
    """One frame in each tenth of a second."""
    return TrackSummary(tuple(frames), (frames[0] / 10, frames[-1] / 10), place, place, looks, len(frames), 1.0)


def test_appearance_knows_a_person_again() -> None:
    assert alike(RED, appearance(crop(0, seed=1)))
    assert not alike(RED, GREEN)
    assert not alike(RED, np.zeros_like(RED))


def test_a_face_that_comes_back_in_its_place_is_the_same_person() -> None:
    assert persons({4: track(range(10)), 7: track(range(20, 30))}) == {4: 1, 7: 1}
    assert persons({4: track(range(10)), 7: track(range(20, 30)), 9: track(range(40, 50))}) == {4: 1, 7: 1, 9: 1}


def test_another_place_another_look_or_a_long_time_split() -> None:
    first = track(range(10))
    others = (track(range(20, 30), place=THERE), track(range(20, 30), looks=GREEN), track(range(45, 50)))
    for second in others:
        assert persons({0: first, 1: second}) == {0: 1, 1: 2}


def test_only_one_track_goes_on_as_another() -> None:
    """Two faces begin where one ended: the one that came sooner goes on."""
    assert persons({0: track(range(10)), 1: track(range(22, 30)), 2: track(range(20, 30))}) == {0: 1, 2: 1, 1: 2}


def test_a_track_seen_once_and_faintly_is_no_face() -> None:
    faint = replace(track(range(3)), detected=1, score=0.1)
    assert persons({0: faint, 1: track(range(5, 9), GREEN)}, sure=0.4) == {1: 1}
    assert persons({0: replace(faint, score=0.5)}, sure=0.4) == {0: 1}
    assert persons({0: replace(faint, detected=2)}, sure=0.4) == {0: 1}
    assert persons({}) == {}


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.integers(0, 9), st.tuples(st.integers(0, 40), st.integers(1, 12), st.booleans()), min_size=1, max_size=8
    )
)
def test_no_person_is_in_two_places_of_one_frame(drawn: dict[int, tuple[int, int, bool]]) -> None:
    tracks = {n: track(range(at, at + long), RED if red else GREEN) for n, (at, long, red) in drawn.items()}
    found = persons(tracks)
    assert set(found) == set(tracks)
    assert sorted(set(found.values())) == list(range(1, len(set(found.values())) + 1))
    for person in set(found.values()):
        frames = [frame for n, p in found.items() if p == person for frame in tracks[n].frames]
        assert len(frames) == len(set(frames))
        assert len({drawn[n][2] for n, p in found.items() if p == person}) == 1
    starts = [
        min(tracks[n].frames[0] for n, p in found.items() if p == person) for person in sorted(set(found.values()))
    ]
    assert starts == sorted(starts)
