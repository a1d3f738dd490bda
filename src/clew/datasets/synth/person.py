"""Who is in the picture: the traits that stay when pose, light and expression change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clew.datasets.synth.fields import Colour

SKIN_TONES: tuple[Colour, ...] = (
    (0.72, 0.545, 0.455),
    (0.62, 0.445, 0.355),
    (0.50, 0.335, 0.25),
    (0.36, 0.225, 0.16),
    (0.235, 0.138, 0.095),
    (0.15, 0.082, 0.055),
)
HAIR_COLOURS: tuple[Colour, ...] = (
    (0.014, 0.012, 0.011),
    (0.035, 0.022, 0.014),
    (0.08, 0.046, 0.026),
    (0.17, 0.10, 0.055),
    (0.38, 0.27, 0.14),
    (0.20, 0.07, 0.025),
)
IRIS_COLOURS: tuple[Colour, ...] = (
    (0.045, 0.022, 0.012),
    (0.11, 0.055, 0.025),
    (0.16, 0.12, 0.05),
    (0.10, 0.15, 0.09),
    (0.10, 0.18, 0.27),
    (0.17, 0.21, 0.24),
)
HAIR_STYLES = ("bald", "buzz", "short", "swept", "fringe", "bob", "long", "curly")
BEARDS = ("none", "stubble", "moustache", "goatee", "full")
GLASSES = ("none", "round", "square")


@dataclass(frozen=True)
class Person:
    """Identity traits; lengths in mm, colours linear RGB, everything else 0 to 1 around 0.5 or as said."""

    seed: int  # places every texture of this person
    masculine: float
    age: float  # 0 = 18 years, 1 = 80
    skin: Colour
    redness: float
    freckles: float
    blemishes: float
    gloss: float
    width: float  # half breadth of the head
    jaw: float  # half breadth at the jaw relative to the head, about 1
    chin: float  # length from mouth to chin relative to the average
    cheeks: float
    flatness: float  # exponent of the head's cross-section
    forehead: float  # from the eyes up to the hairline
    eye_gap: float  # half distance of the pupils
    eye_width: float  # half width of the opening
    eye_height: float
    eye_tilt: float
    lid_fold: float
    iris: Colour
    brow_height: float
    brow_arch: float
    brow_thick: float
    brow_dense: float
    nose_length: float
    nose_width: float
    nose_bridge: float
    nose_tip: float
    mouth_width: float
    lip_upper: float
    lip_lower: float
    lip_colour: float
    make_up: float
    ears: float
    hair: Colour
    hair_style: str
    hair_volume: float
    parting: float
    beard: str
    glasses: str
    glasses_colour: Colour
    clothes: Colour


def _blend(palette: tuple[Colour, ...], at: float) -> np.ndarray:
    """The colour at `at` in [0, 1] along `palette`, interpolated."""
    position = np.linspace(0, 1, len(palette))
    return np.array([np.interp(at, position, [c[i] for c in palette]) for i in range(3)])


def _colour(rgb: np.ndarray) -> Colour:
    r, g, b = (float(v) for v in np.clip(rgb, 0.004, 0.9))
    return r, g, b


def _hair_colour(rng: np.random.Generator, tone: float, age: float) -> Colour:
    choice = rng.random() ** (1.0 + 2.5 * tone) * (1.0 - 0.75 * tone)
    rgb = _blend(HAIR_COLOURS, choice) * np.exp(rng.normal(0, 0.12, 3) + rng.normal(0, 0.1))
    grey = float(np.clip((age - 0.45) * 2.2 + rng.normal(0, 0.25), 0, 0.92))
    return _colour(rgb * (1 - grey) + grey * np.array([0.36, 0.355, 0.345]))


def _style(rng: np.random.Generator, masculine: bool, age: float) -> str:
    if masculine:
        odds = np.array([0.06 + 0.16 * age, 0.16, 0.28, 0.24, 0.10, 0.02, 0.05, 0.12])
    else:
        odds = np.array([0.0, 0.03, 0.09, 0.09, 0.13, 0.22, 0.32, 0.15])
    return str(rng.choice(HAIR_STYLES, p=odds / odds.sum()))


def _beard(rng: np.random.Generator, masculine: bool) -> str:
    return str(rng.choice(BEARDS, p=[0.48, 0.26, 0.05, 0.07, 0.14])) if masculine else "none"


def draw_person(rng: np.random.Generator) -> Person:
    """Draws one person; the traits hang together (sex, age and skin tone are drawn first)."""
    male = bool(rng.random() < 0.5)
    m = float(np.clip(rng.normal(0.82 if male else 0.18, 0.13), 0, 1))
    age = float(rng.beta(1.5, 1.9))
    tone = float(rng.beta(1.0, 1.5))
    iris = _blend(IRIS_COLOURS, rng.random() * (1.0 - 0.85 * min(1.0, 1.6 * tone)))

    def near(mean: float, spread: float) -> float:
        return mean + spread * float(np.clip(rng.normal(), -2.2, 2.2))

    return Person(
        seed=int(rng.integers(1 << 40)),
        masculine=m,
        age=age,
        skin=_colour(_blend(SKIN_TONES, tone) * np.exp(rng.normal(0, 0.03, 3))),
        redness=float(rng.random()),
        freckles=float(max(0.0, rng.normal(-0.1, 0.5))) * max(0.0, 1.0 - 1.6 * tone),
        blemishes=float(rng.random()),
        gloss=float(rng.random()),
        width=near(73.0 + 3.5 * m, 2.6),
        jaw=near(0.95 + 0.09 * m, 0.05),
        chin=near(0.96 + 0.08 * m, 0.08),
        cheeks=float(rng.random()),
        flatness=near(2.3, 0.12),
        forehead=near(59.0, 4.5),
        eye_gap=near(31.5 + m, 1.7),
        eye_width=near(15.7, 0.9),
        eye_height=near(11.2 - 0.9 * m, 1.1),
        eye_tilt=near(0.06 - 0.04 * m, 0.05),
        lid_fold=float(rng.random()),
        iris=_colour(iris * np.exp(rng.normal(0, 0.15))),
        brow_height=near(21.5 - 2.5 * m, 1.6),
        brow_arch=near(3.8 - 1.6 * m, 1.1),
        brow_thick=near(2.3 + 1.2 * m, 0.5),
        brow_dense=float(rng.uniform(0.6, 1.0)),
        nose_length=near(48.0 + 3.0 * m, 2.8),
        nose_width=near(15.5 + 1.8 * m, 1.9),
        nose_bridge=near(1.0, 0.17),
        nose_tip=near(1.0, 0.14),
        mouth_width=near(24.5 + 1.2 * m, 1.8),
        lip_upper=near(7.6 - 1.2 * m - 1.2 * age, 1.2),
        lip_lower=near(9.8 - 1.2 * m - 1.2 * age, 1.3),
        lip_colour=float(rng.random()),
        make_up=0.0 if male else float(max(0.0, rng.normal(0.25, 0.45))),
        ears=near(1.0, 0.13),
        hair=_hair_colour(rng, tone, age),
        hair_style=_style(rng, male, age),
        hair_volume=float(rng.random()),
        parting=near(0.0, 22.0),
        beard=_beard(rng, male),
        glasses=str(rng.choice(GLASSES, p=[0.84, 0.07, 0.09])),
        glasses_colour=_colour(rng.choice([0.006, 0.012, 0.04]) * np.exp(rng.normal(0, 0.18, 3))),
        clothes=_colour(rng.uniform(0.02, 0.75) * np.exp(rng.normal(0, 0.5, 3))),
    )
