"""A finding in words: what its thresholds promise, and what the file says of its origin."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from clew.reports.words import SPACE, number, percent, whole

ONE_SIDED = 1.6448536269514722  # 95 % of a normal distribution lie below
SOURCE_TYPES = {  # of IPTC's list, as it words them
    "trainedAlgorithmicMedia": "made by a model that was trained on samples",
    "compositeWithTrainedAlgorithmicMedia": "partly made by a model that was trained on samples",
    "algorithmicMedia": "made by an algorithm",
    "compositeSynthetic": "composed, with synthetic parts",
    "composite": "composed of several",
    "digitalCapture": "captured by a camera",
    "computationalCapture": "captured by a camera that computes",
    "virtualRecording": "a recording of a virtual event",
    "digitalCreation": "made by a person with a program",
    "humanEdits": "edited by a person",
    "screenCapture": "a screen shot",
}
_NAMES = {
    "make": "Maker of the camera",
    "model": "Model",
    "software": "Software",
    "taken": "Taken",
    "digitised": "Digitised",
    "changed": "Changed",
    "created": "Made",
    "comment": "Comment",
    "creator_tool": "Made with",
    "agents": "Programs in its history",
    "credentials_at": "Content credentials elsewhere (not fetched)",
    "format": "Container",
    "encoder": "Written by",
    "stream_encoder": "Encoder",
    "handler": "Handler",
    "brand": "Brand",
    "android": "Android",
}


def operating_words(point: Mapping[str, Any] | None) -> list[str]:
    """What the thresholds are and how often they were wrong where they were measured; one sentence for each."""
    if not point or not isinstance(point.get("fake"), Mapping):
        return ["The ticket carries no operating point: nothing it says can be called fake or real."]
    noun = str(point.get("level", "picture"))
    nouns = noun, str(point.get("measured_on", noun))
    told = [_side(point["fake"], nouns, "fake", "real", ("fpr", "reals"), ("tpr", "fakes"))]
    real = point.get("real")
    if isinstance(real, Mapping):
        told.append(_side(real, nouns, "real", "fake", ("fnr", "fakes"), ("tnr", "reals")))
        told.append("Between the two the finding is inconclusive.")
    else:
        told.append("It states no threshold at which anything is called real.")
    return told


def _side(
    found: Mapping[str, Any],
    nouns: tuple[str, str],
    name: str,
    other: str,
    wrong: tuple[str, str],
    right: tuple[str, str],
) -> str:
    """One threshold: `nouns` what is judged and what it was measured on; `wrong` and `right`: a rate and its count."""
    noun, measured_on = nouns
    edge = "from" if name == "fake" else "up to"
    on = " on" if name == "fake" else ""
    told = f"A {noun} is called {name} {edge} a probability of {number(found.get('threshold'), 3)}{on}."
    if found.get(wrong[0]) is None:
        return told
    told += f" Where that was measured, it called {_rate(found, wrong, other, measured_on, upper=True)}"
    if found.get(right[0]) is not None:
        told += f" and {_rate(found, right, name, measured_on, upper=False)}"
    told += f" {name}."
    if found.get("resolved") is False:
        told += f" There were too few to show that at most {percent(float(found['asked']), 2)} are wrong."
    return told


def _rate(found: Mapping[str, Any], which: tuple[str, str], of: str, noun: str, upper: bool) -> str:
    """`7.5 % of 40 real videos (at most 18.3 %)`: a mean over sources, and its one-sided limit of 95 %."""
    rate, count = float(found[which[0]]), int(found.get(which[1], 0))
    known = found.get(f"{which[0]}_high") if upper else found.get(f"{which[0]}_low")
    independent = min(float(found.get("effective") or count), count)  # fakes come of the same clusters as the reals
    limit = float(known) if known is not None else wilson(rate, independent, upper)
    side = "at most" if upper else "at least"
    return f"{percent(rate)} of {whole(count)} {of} {noun}s ({side} {percent(limit)})"


def wilson(rate: float, count: float, upper: bool) -> float:
    """The one-sided 95 % limit of a rate found among `count` that are independent (Wilson, JASA 22, 1927)."""
    if count <= 0:
        return 1.0 if upper else 0.0
    z = ONE_SIDED if upper else -ONE_SIDED
    half = z * math.sqrt(rate * (1 - rate) / count + z * z / (4 * count * count))
    return min(max((rate + z * z / (2 * count) + half) / (1 + z * z / count), 0.0), 1.0)


def origin_words(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the file says of its origin, each with its name; [] where it says nothing."""
    told: list[tuple[str, str]] = []
    for source in ("exif", "xmp", "video"):
        facts = found.get(source)
        if isinstance(facts, Mapping):
            told += [(_NAMES[key], _plain(facts[key])) for key in _NAMES if facts.get(key)]
            if facts.get("digital_source_type"):
                told.append(("Digital source type", source_words(str(facts["digital_source_type"]))))
            if facts.get("gps"):
                told.append(("Place", "it holds one; it is not shown here"))
    texts = found.get("texts")
    if isinstance(texts, Mapping):
        told += [
            (f"Text \N{LEFT DOUBLE QUOTATION MARK}{name}\N{RIGHT DOUBLE QUOTATION MARK}", str(text))
            for name, text in texts.items()
        ]
    if found.get("jpeg_quality") is not None:
        told.append(("JPEG quality", f"about {found['jpeg_quality']}, by its quantisation tables"))
    credentials = found.get("credentials")
    if isinstance(credentials, Mapping):
        told += _credentials(credentials)
    return list(dict.fromkeys(told))


def source_words(code: str) -> str:
    """A digital source type with what it means."""
    return f"{SOURCE_TYPES[code]} ({code})" if code in SOURCE_TYPES else code


def _credentials(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    name = "Content credentials (C2PA)"
    if not found.get("found"):
        return [(name, "none found")]
    why = f": {found['why']}" if found.get("why") else ""
    state = {
        "holds": "the signature holds for this file; who signed was not compared with a list of trusted signers",
        "fails": f"the check of the signature fails{why}",
    }.get(str(found.get("signature")), f"found, not verified{why}")
    told = [(name, state)]
    for key, label in (("generator", "Credentials written by"), ("signer", "Signed by"), ("signed_at", "Signed at")):
        if found.get(key):
            told.append((label, str(found[key])))
    if found.get("actions"):
        told.append(("Actions", _plain(found["actions"])))
    if found.get("digital_source_types"):
        told.append(
            ("Digital source type, by the credentials", "; ".join(map(source_words, found["digital_source_types"])))
        )
    return told


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def size_words(count: Any) -> str:
    """Bytes as people write them, with the count itself."""
    if not isinstance(count, int):
        return ""
    large = f"{count / 1e6:,.1f}{SPACE}MB, " if count >= 1e6 else ""
    return f"{large}{whole(count)} bytes"
