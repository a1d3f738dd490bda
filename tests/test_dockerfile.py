"""The image of the light install: what it copies is there and enough, no extras, and a user who is not root."""

import re
import tomllib
from pathlib import Path

HOME = Path(__file__).resolve().parents[1]
LINES = re.sub(r"\\\n\s*", "", (HOME / "Dockerfile").read_text()).splitlines()
STEPS = [line.split(maxsplit=1) for line in LINES if line and not line.startswith("#")]


def of(word):
    return [rest for name, rest in STEPS if name == word]


def test_what_is_copied_is_there_and_sent_to_the_builder():
    copied = {name for line in of("COPY") for name in line.split()[:-1]}
    assert all((HOME / name).exists() for name in copied)
    sent = (HOME / ".dockerignore").read_text().split()
    assert {line[1:] for line in sent if line.startswith("!")} == copied


def test_the_package_can_be_built_from_it():
    project = tomllib.loads((HOME / "pyproject.toml").read_text())
    copied = {name for line in of("COPY") for name in line.split()[:-1]}
    assert {project["project"]["readme"], *project["project"]["license-files"]} <= copied
    assert "src" in copied


def test_it_installs_no_extras_and_leaves_root_before_it_starts():
    (run,) = of("RUN")
    assert re.match(r"pip install --no-cache-dir --constraint constraints.txt \. &&", run)
    assert of("USER") == ["1000"]
    assert "--uid 1000" in run
    assert [name for name, _ in STEPS][-1:] == ["CMD"]
    assert of("ENTRYPOINT") == ['["clew"]']
    assert of("FROM") == ["python:3.11-slim"]
