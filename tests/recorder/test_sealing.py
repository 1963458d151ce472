"""Signatures over whole files."""

import hashlib
import io

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from bridge.base.errors import DamagedError
from bridge.recorder.sealing import digest_of, fingerprint, pieces, read_certificate, sign, signature_fits
from bridge.wire.mp4.evidence import Change
from tests.recorder.exports import certificate, der, key

DATA = bytes(range(256)) * 9000


@pytest.mark.parametrize(
    "changes", [(), ((0, 5, b"abc"),), ((7, 0, b"put in"), (1 << 20, 3, b""), (len(DATA) - 2, 2, b"end"))]
)
def test_the_digest_is_that_of_the_changed_file(changes):
    changed, at = b"", 0
    for place, size, instead in changes:
        changed += DATA[at:place] + instead
        at = place + size
    changed += DATA[at:]
    assert digest_of(io.BytesIO(DATA), [Change(*one) for one in changes]) == hashlib.sha256(changed).digest()


def test_pieces_end_with_the_file():
    assert b"".join(pieces(io.BytesIO(b"abcdef"), 2, 99)) == b"cdef"
    assert list(pieces(io.BytesIO(b"abcdef"), 9, 99)) == []


def test_a_signature_as_the_specification_has_it():
    file = io.BytesIO(b"head" + bytes(256) + b"tail")
    digest = digest_of(file)
    sign(file, 4, key())
    data = file.getvalue()
    assert (data[:4], data[260:]) == (b"head", b"tail")
    # Made again from the standard's words, not from our constants: raises when it does not fit.
    scheme = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=20)
    key().public_key().verify(data[4:260], b"head" + bytes(256) + b"tail", scheme, hashes.SHA256())
    assert signature_fits(certificate(), data[4:260], digest)
    assert not signature_fits(certificate(), data[4:260], bytes(32))
    assert not signature_fits(certificate(1), data[4:260], digest)
    assert not signature_fits(certificate(), b"", digest)


def test_keys_of_other_kinds_sign_nothing():
    short = rsa.generate_private_key(public_exponent=65_537, key_size=1024)
    scheme = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=20)
    signature = short.sign(b"data", scheme, hashes.SHA256())
    digest = hashlib.sha256(b"data").digest()
    for other in (short, ec.generate_private_key(ec.SECP256R1())):
        assert not signature_fits(_Holder(other.public_key()), signature, digest)


class _Holder:
    """Instead of a certificate of such a key."""

    def __init__(self, public_key):
        self._public_key = public_key

    def public_key(self):
        return self._public_key


def test_certificates_are_read_or_refused():
    one = certificate()
    assert read_certificate(der(one)) == one
    for damaged in (b"", b"x" * 99, der(one)[:-9], der(one) + b"x"):
        with pytest.raises(DamagedError, match="cert: no certificate"):
            read_certificate(damaged)


def test_fingerprints_are_for_people():
    assert fingerprint(b"") == hashlib.sha256(b"").digest().hex(":").upper()
    assert fingerprint(b"").startswith("E3:B0:C4:42:")
