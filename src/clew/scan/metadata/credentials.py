"""Content credentials (C2PA 2.2): what they say, and whether their signature holds for this very file.

Verified by c2pa-python (https://github.com/contentauth/c2pa-python) where that is installed; it is never let onto the
network: credentials kept elsewhere, revocations (OCSP) and time stamps are not fetched. No list of trusted signers is
carried, so that a signature that holds tells that the file is unchanged since, not who signed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from clew.scan.metadata.cleaned import cleaned
from clew.scan.metadata.xmp import source_type

HOLDS, FAILS, NOT_VERIFIED = "holds", "fails", "not verified"
MOST_BYTES = 4 * 2**30  # of a file whose signature is verified: all of it is read
MOST_JSON = 16 * 2**20
MOST_LISTED = 16
_TYPE = re.compile(rb"https?://[a-z0-9./]{1,60}/digitalsourcetype/([A-Za-z]{3,60})")
_OFFLINE = {
    "core": {"allowed_network_hosts": []},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_reading": True},
}
_UNTRUSTED = "signingCredential.untrusted"  # always so without a list of trusted signers
INSTALL = "c2pa-python is not installed: pip install 'clew[credentials]'"


def credential_facts(path: Path, store: bytes | None, size: int, verify: bool = True) -> dict[str, Any]:
    """{"found": False}, or what the credentials say.

    {"found": True, "signature": holds | fails | not verified, "why", "generator", "title", "actions",
    "digital_source_types", "signer", "signed_at"}, of these what is known. `store` is what lies in the file.
    """
    if store is None:
        return {"found": False}
    if not verify or size > MOST_BYTES:
        why = "not asked for" if not verify else f"the file has more than {MOST_BYTES:,} bytes"
        return _unverified(store, why)
    try:
        import c2pa  # a native library of 50 MB: loads when used
    except ImportError:
        return _unverified(store, INSTALL)
    except (OSError, RuntimeError) as error:  # its native part is missing or does not fit this machine
        return _unverified(store, cleaned(f"c2pa-python does not load ({error})"))
    try:
        with (
            path.open("rb") as file,
            c2pa.Context.from_dict(_OFFLINE) as context,
            c2pa.Reader(_media_type(file.read(12)), file, context=context) as reader,
        ):
            return _told(_parsed(reader.json()))
    except (c2pa.C2paError, OSError, ValueError, RecursionError) as error:
        return {**_unverified(store, cleaned(f"they cannot be read ({error})")), "signature": FAILS}


def _media_type(head: bytes) -> str:
    if head.startswith(b"\xff\xd8"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG"):
        return "image/png"
    if head.startswith(b"RIFF"):
        return "image/webp" if head[8:] == b"WEBP" else "video/x-msvideo"
    return "video/mp4"


def _unverified(store: bytes, why: str) -> dict[str, Any]:
    """What can be seen in the store's bytes; anybody may have written it there."""
    types = dict.fromkeys(one.decode() for one in _TYPE.findall(store))
    found: dict[str, Any] = {"found": True, "signature": NOT_VERIFIED, "why": why}
    return {**found, "digital_source_types": list(types)[:MOST_LISTED]} if types else found


def _parsed(text: str) -> Mapping[str, Any]:
    found = json.loads(text) if len(text) <= MOST_JSON else None
    if not isinstance(found, dict):
        raise ValueError(f"expected a JSON object of at most {MOST_JSON:,} characters")
    return found


def _told(report: Mapping[str, Any]) -> dict[str, Any]:
    """The active manifest of a report, and the verdict on it."""
    manifest = _of(_of(report, "manifests"), str(report.get("active_manifest", "")))
    state = report.get("validation_state")
    failures = [code for code in _failures(report) if code != _UNTRUSTED]
    holds = state in ("Valid", "Trusted")
    signature = _of(manifest, "signature_info")
    actions = list(_actions(manifest))
    told = {
        "found": True,
        "signature": HOLDS if holds else FAILS,
        "why": "" if holds else ", ".join(failures[:MOST_LISTED]),
        "generator": cleaned(_generator(manifest)),
        "title": cleaned(str(manifest.get("title") or "")),
        "actions": _names(one.get("action") for one in actions),
        "digital_source_types": _names(
            source_type(str(one["digitalSourceType"])) for one in actions if one.get("digitalSourceType")
        ),
        "signer": cleaned(", ".join(str(signature[key]) for key in ("common_name", "issuer") if signature.get(key))),
        "signed_at": cleaned(str(signature.get("time") or "")),
    }
    return {key: value for key, value in told.items() if value or key in ("found", "signature")}


def _failures(report: Mapping[str, Any]) -> list[str]:
    listed = report.get("validation_status")
    return _names(one.get("code") for one in listed if isinstance(one, dict)) if isinstance(listed, list) else []


def _actions(manifest: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    assertions = manifest.get("assertions")
    for one in assertions if isinstance(assertions, list) else []:
        if isinstance(one, dict) and str(one.get("label", "")).startswith("c2pa.actions"):
            listed = _of(one, "data").get("actions")
            yield from (action for action in (listed if isinstance(listed, list) else []) if isinstance(action, dict))


def _generator(manifest: Mapping[str, Any]) -> str:
    """The program that wrote the claim, in either of the two ways of the standard."""
    listed = manifest.get("claim_generator_info")
    first = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], dict) else {}
    name = " ".join(str(first[key]) for key in ("name", "version") if first.get(key))
    return name or str(manifest.get("claim_generator") or "")


def _names(values: Any) -> list[str]:
    return list(dict.fromkeys(cleaned(str(one)) for one in values if one))[:MOST_LISTED]


def _of(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}
