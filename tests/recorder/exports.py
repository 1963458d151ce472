"""Footage for exports, certificates, and exports that are signed."""

import datetime as dt
import functools
import io

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from bridge.base.media import AccessUnit, Codec, Track
from bridge.base.time import NS_PER_S
from bridge.recorder.export import Origin, export_evidence
from bridge.recorder.sealing import sign
from bridge.store.reader import Begin, Gap
from bridge.wire.payload import complete_track
from tests.wire import encoded

BEGIN = 1_800_000_000 * NS_PER_S
PICTURE_NS = NS_PER_S // 25


def footage(frames=50, *, b_frames=0, start_s=0.0, media_time=1_000_000, encoder="libx264", size=(320, 240)):
    """(tracks, units): pictures that began `start_s` after BEGIN, and G.711 beside them."""
    pictures = encoded.pictures(encoder, *size, frames=frames, b_frames=b_frames)
    codec = {"libx264": Codec.H264, "libx265": Codec.H265}[encoder]
    tracks = (complete_track(Track(codec, 90_000), pictures[0].parts), Track(Codec.PCMA, 8000))
    begin = BEGIN + round(start_s * NS_PER_S)
    units = [
        AccessUnit(0, media_time + one.pts * 3600, begin + one.pts * PICTURE_NS, 0, one.key, tuple(one.parts))
        for one in pictures
    ]
    sound = [
        AccessUnit(
            1, media_time * 8 // 90 + number * 160, begin + number * NS_PER_S // 50, 0, True, (bytes([number]) * 160,)
        )
        for number in range(2 * frames)
    ]
    merged = []
    for index, unit in enumerate(units):
        merged += [unit, *sound[2 * index : 2 * index + 2]]
    return tracks, merged


def key(number=0):
    """An RSA key for each number."""
    return _key(number)


@functools.cache
def _key(number):
    return rsa.generate_private_key(public_exponent=65_537, key_size=2048)


def certificate(number=0, name="Exporter", *, issuer=None, ca=False, since=2020, until=2040):
    """Of that key; issuer: number of the key that signs it, whose name is "Authority"; years of its validity."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    by = subject if issuer is None else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority")])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(by).public_key(key(number).public_key())
    builder = builder.serial_number(1 + number).not_valid_before(dt.datetime(since, 1, 1, tzinfo=dt.UTC))
    builder = builder.not_valid_after(dt.datetime(until, 1, 1, tzinfo=dt.UTC))
    builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
    return builder.sign(key(number if issuer is None else issuer), SHA256())


def der(one):
    return one.public_bytes(Encoding.DER)


def origin(signer):
    return Origin(
        recording="rec-gate.main",
        camera_name="The gate",
        camera_url="rtsp://192.0.2.1/s",
        line="main",
        unit_name="host",
        operator="ann",
        utc_ns=BEGIN + 86_400 * NS_PER_S,
        software="Open Network Bridge 0.1.0",
        certificate=der(signer),
        signature_bytes=256,
    )


def evidence(items, from_ns=BEGIN, until_ns=BEGIN + 7200 * NS_PER_S, *, number=0, signer=None):
    """(what came of it, the signed file)."""
    file = io.BytesIO()
    exported = export_evidence(iter(items), file, from_ns, until_ns, origin(signer or certificate(number)))
    assert exported.size_bytes == len(file.getvalue())
    sign(file, exported.signature_at, key(number))
    assert exported.size_bytes == len(file.getvalue())
    return exported, file.getvalue()


def three_runs(**options):
    """A second each, with gaps of 3.5 s and of nearly an hour between them."""
    tracks, first = footage(frames=25, **options)
    _, second = footage(frames=25, start_s=4.5, media_time=77, **options)
    _, third = footage(frames=25, start_s=3600, media_time=5_000_000, **options)
    gaps = [
        Gap(BEGIN + NS_PER_S, BEGIN + 9 * NS_PER_S // 2),
        Gap(BEGIN + 11 * NS_PER_S // 2, BEGIN + 3600 * NS_PER_S),
    ]
    items = [Begin(tracks, 0, 1), *first, gaps[0], Begin(tracks, 0, 2), *second, gaps[1], Begin(tracks, 0, 3), *third]
    return items, gaps


@functools.cache
def signed():
    """The file of three runs."""
    return evidence(three_runs()[0])[1]
