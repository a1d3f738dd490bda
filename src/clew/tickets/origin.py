"""Where tickets come from and where they are trained: names for people, and what to know when crops differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clew.base.hashing import hash_json
from clew.tickets.ladder import Ladder
from clew.tickets.settings import EXTENDABLE

Facts = Mapping[str, Any]


def place_name(data: str, fakes: Sequence[str] = ()) -> str:
    """Data with the methods whose fakes it is confined to: `ff-c23`, `ff-c23/Deepfakes`."""
    return f"{data}/{'+'.join(fakes)}" if fakes else data


def joined(data: Sequence[Facts], key: str) -> str:
    """The names (hashes) of all stores of a search in one."""
    return "+".join(str(one[key]) for one in data)


def origin_of(source: Ladder) -> dict[str, Any]:
    """What a ladder keeps of the one whose tickets it brings along."""
    data = source.facts["data"]
    return {
        "data": joined(data, "name"),
        "hash": joined(data, "hash"),
        "protocol": "; ".join(protocols(data)),
        "fakes": list(source.settings.get("fakes") or []),
        "ladder": hash_json([data, {k: v for k, v in source.settings.items() if k not in EXTENDABLE}]),
    }


def protocols(data: Sequence[Facts]) -> list[str]:
    """The crop protocols of a search's stores, each once."""
    return list(dict.fromkeys(str(one["protocol"]) for one in data))


def origin_name(origin: Facts) -> str:
    """The name of the data that tickets were found on."""
    return place_name(str(origin["data"]), origin.get("fakes") or [])


def warnings(ladder: Ladder) -> list[str]:
    """What a ladder that brings tickets along must warn of; nothing of one that does not."""
    origin = ladder.settings.get("origin") or {}
    return origin_warnings(origin, ladder.facts["data"]) if origin else []


def origin_warnings(origin: Facts, data: Sequence[Facts]) -> list[str]:
    """What stands in the way of taking a transfer's figures at their face value: crops made in another way."""
    there = origin.get("protocol")
    odd = [] if there is None else [one for one in data if one["protocol"] not in str(there).split("; ")]
    return [
        f"{one['name']} was cropped as '{one['protocol']}', the tickets were found on '{there}' "
        f"({origin_name(origin)}): part of any difference may come from the crops."
        for one in odd
    ]
