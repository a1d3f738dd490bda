"""With CLEW_GUARD=after or before in the environment these tests run between pages that nobody may touch."""

import os

import pytest
from guarded import guard


@pytest.fixture(autouse=True, scope="module")
def _guard_pages():
    where = os.environ.get("CLEW_GUARD")
    if where is None:
        yield
        return
    assert where in ("after", "before")
    with pytest.MonkeyPatch.context() as patch:
        guard(patch, where == "after")
        yield
