"""One small set of portraits that the tests of this room share."""

from __future__ import annotations

import pytest
from drawn_portraits import PEOPLE, PER_PERSON, SIZE, Drawn, read_rows

from clew.datasets.synth.pictures import write_pictures
from clew.media.pictures import read_picture


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    root = tmp_path_factory.mktemp("portraits") / "set"
    summary = write_pictures(
        root, "openforensics-crops", people=PEOPLE, per_person=PER_PERSON, size=SIZE, seed=3, workers=1
    )
    rows = read_rows(root)
    return Drawn(root, summary, rows, [read_picture(root / row["path"]) for row in rows])
