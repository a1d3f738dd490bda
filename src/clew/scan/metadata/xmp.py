"""What an XMP packet tells of a picture's making, found by pattern: the XML of a stranger is not parsed."""

from __future__ import annotations

import html
import re

from clew.scan.metadata.cleaned import cleaned

MOST_BYTES = 2**20
_NAMES = {
    "CreatorTool": "creator_tool",
    "DigitalSourceType": "digital_source_type",
    "DigitalSourceFileType": "digital_source_type",  # its name in older packets
    "CreateDate": "created",
    "ModifyDate": "changed",
    "provenance": "credentials_at",  # content credentials kept elsewhere: an address, which is not opened
}
# A property stands as an attribute or as an element; every part of the pattern is bounded.
_PROPERTY = re.compile(
    rb"[\w.-]{1,40}:("
    + "|".join(_NAMES).encode()
    + rb")(?:\s{0,8}=\s{0,8}[\"']([^\"'<]{1,400})[\"']|(?:\s[^<>]{0,200})?>\s{0,80}([^<]{1,400})<)"
)
_AGENT = re.compile(rb"softwareAgent(?:\s{0,8}=\s{0,8}[\"']([^\"'<]{1,400})[\"']|>([^<]{1,400})<)")
MOST_AGENTS = 8


def xmp_facts(packet: bytes) -> dict[str, object]:
    """{"creator_tool", "digital_source_type", "created", "changed", "credentials_at", "agents"} of those that it tells.

    `digital_source_type`: of IPTC's list of codes, such as trainedAlgorithmicMedia; `agents`: the programs in its
    history. After ISO 16684-1.
    """
    found: dict[str, object] = {}
    packet = packet[:MOST_BYTES]
    for name, attribute, element in _PROPERTY.findall(packet):
        text = _text(attribute or element)
        if text:
            found.setdefault(_NAMES[name.decode()], text)
    if "digital_source_type" in found:
        found["digital_source_type"] = source_type(str(found["digital_source_type"]))
    agents = dict.fromkeys(text for pair in _AGENT.findall(packet) if (text := _text(pair[0] or pair[1])))
    if agents:
        found["agents"] = list(agents)[:MOST_AGENTS]
    return found


def source_type(code: str) -> str:
    """The last part of a code of IPTC's list of digital source types, which is given as an address."""
    return code.rstrip("/").rsplit("/", 1)[-1]


def _text(data: bytes) -> str:
    return cleaned(html.unescape(data.decode("utf-8", "replace")))
