"""Who signed an export, held against certificates that the reader trusts. Pure.

A certificate vouches for itself, and a certificate of an authority for those that it issued directly: an export carries
one certificate, no chain. Both must have been valid when the export was made, which the signer says himself.
"""

import datetime as dt
from collections.abc import Iterable

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from bridge.base.errors import BridgeError
from bridge.recorder.sealing import fingerprint


class UntrustedError(BridgeError):
    """None of the trusted certificates vouches for the signer, or not for that time: one sentence."""


def vouched(
    signer: x509.Certificate, trusted: Iterable[x509.Certificate], made: dt.datetime, now: dt.datetime
) -> list[str]:
    """What a reader should know of the signer whom they vouch for; usually nothing. Raises UntrustedError.

    made: when the export was made, as it says itself
    """
    anchor = next((one for one in trusted if one == signer or _issued(signer, one)), None)
    if anchor is None:
        raise UntrustedError(f"signed by {described(signer)}, for whom no trusted certificate vouches")
    remarks = []
    for one in dict.fromkeys((signer, anchor)):
        if not one.not_valid_before_utc <= made <= one.not_valid_after_utc:
            raise UntrustedError(
                f"signed by {described(signer)} on {made:%Y-%m-%d}, but the certificate of {name_of(one)} was valid"
                f" from {one.not_valid_before_utc:%Y-%m-%d} to {one.not_valid_after_utc:%Y-%m-%d}"
            )
        if now > one.not_valid_after_utc:
            remarks.append(
                f"the certificate of {name_of(one)} has expired since, on {one.not_valid_after_utc:%Y-%m-%d}:"
                " that the export is older is the signer's word"
            )
    return remarks


def described(certificate: x509.Certificate) -> str:
    """Name and fingerprint."""
    return f"{name_of(certificate)} (SHA-256 {fingerprint_of(certificate)})"


def name_of(certificate: x509.Certificate) -> str:
    """Of its subject; "nobody" where it has none."""
    return certificate.subject.rfc4514_string() or "nobody"


def fingerprint_of(certificate: x509.Certificate) -> str:
    """SHA-256, as people compare it."""
    return fingerprint(certificate.public_bytes(Encoding.DER))


def _issued(signer: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer is an authority, and signed that certificate."""
    try:
        if not issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
        signer.verify_directly_issued_by(issuer)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError, TypeError, InvalidSignature):
        return False
    return True
