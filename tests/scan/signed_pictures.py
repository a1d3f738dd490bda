"""Pictures with content credentials, signed by a certificate made on the spot."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def signed(data: bytes, kind: str, source: str) -> bytes:
    """The picture `data` of a media type with credentials that say it was made by a digital source type."""
    action = {"action": "c2pa.created", "digitalSourceType": source}
    manifest = {
        "claim_generator_info": [{"name": "A test", "version": "1.0"}],
        "title": "A picture",
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [action]}}],
    }
    settings = {"builder": {"thumbnail": {"enabled": False}}, "core": {"allowed_network_hosts": []}}
    out = io.BytesIO()
    with c2pa.Context.from_dict(settings) as context, c2pa.Signer.from_info(_signer()) as signer:
        c2pa.Builder(manifest, context=context).sign(signer, kind, io.BytesIO(data), out)
    return out.getvalue()


@cache
def _signer() -> c2pa.C2paSignerInfo:
    root, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    top = _certificate("root", root, "root", root, authority=True)
    leaf = _certificate("signer", key, "root", root, authority=False)
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return c2pa.C2paSignerInfo("es256", leaf.public_bytes(pem) + top.public_bytes(pem), secret, None)


def _certificate(name: str, key: Any, issuer: str, signer: Any, authority: bool) -> x509.Certificate:
    now = datetime.now(UTC)
    usage = {"digital_signature": not authority, "key_cert_sign": authority, "crl_sign": authority}
    rest = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    none = dict.fromkeys((*rest, "encipher_only", "decipher_only"), False)
    made = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=9))
        .add_extension(x509.BasicConstraints(authority, None), True)
        .add_extension(x509.KeyUsage(**usage, **none), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False)
    )
    if not authority:
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), True)
    return made.sign(signer, hashes.SHA256())


def _name(name: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Testers"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )
