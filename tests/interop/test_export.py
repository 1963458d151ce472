"""Exports before strangers: FFmpeg, GStreamer, and a checker written from the specification's text alone."""

import io
import re
import struct
import subprocess
import sys
from pathlib import Path

import av
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from bridge.base.media import AccessUnit, Codec, Track
from bridge.base.time import NS_PER_S
from bridge.recorder.verify import NotAnExportError, verify
from bridge.store.reader import Begin, Gap
from bridge.wire.mp4.boxes import box, read_boxes
from bridge.wire.payload import complete_track
from tests.interop import export_checker
from tests.interop.conftest import needs
from tests.recorder.exports import BEGIN, PICTURE_NS, certificate, der, evidence, footage, signed
from tests.wire import encoded

pytestmark = pytest.mark.interop

UNTIL_NS = BEGIN + 901 * NS_PER_S
BEGINS_S = (0, 3.5, 60, 61.7, 300, 900)
"""Six stretches of a second, with five gaps between them that are known; the fourth is a pause of 0.7 s."""

FORMATS = {
    "H.264": ("libx264", 0, Codec.PCMA),
    "H.264 with B-frames and AAC": ("libx264", 2, Codec.AAC),
    "H.265 with B-frames and AAC": ("libx265", 2, Codec.AAC),
}


def stretches(encoder, b_frames, sound):
    """(items of a reading, capture times of the pictures, of the frames of sound)."""
    items, shown, heard = [], [], []
    ends_ns = 0
    for run, begin_s in enumerate(BEGINS_S):
        tracks, units = footage(frames=25, b_frames=b_frames, encoder=encoder, start_s=begin_s, media_time=run * 999)
        begin_ns = BEGIN + round(begin_s * NS_PER_S)
        if sound is Codec.AAC:
            tracks, units = with_aac(tracks, units, begin_ns)
        if ends_ns and begin_ns - ends_ns > NS_PER_S:
            items.append(Gap(ends_ns, begin_ns))
        items += [Begin(tracks, 0, run), *units]
        shown += sorted(unit.utc_ns for unit in units if unit.track == 0)
        heard += [unit.utc_ns for unit in units if unit.track == 1]
        ends_ns = begin_ns + NS_PER_S
    return items, shown, heard


def with_aac(tracks, units, begin_ns):
    """Half a second of 48 kHz instead of the sound that is there."""
    config, frames = encoded.aac(48_000, "stereo")
    pictures = [unit for unit in units if unit.track == 0]
    sound = [
        AccessUnit(1, index * 1024, begin_ns + index * 1024 * NS_PER_S // 48_000, 0, True, (frame,))
        for index, frame in enumerate(frames)
    ]
    return (tracks[0], Track(Codec.AAC, 48_000, 2, config=config)), [*pictures, *sound]


@pytest.mark.parametrize(("encoder", "b_frames", "sound"), FORMATS.values(), ids=FORMATS.keys())
def test_ffmpeg_the_checker_and_we_see_the_same_pictures(encoder, b_frames, sound):
    """From the middle of a GOP into the last stretch: times equal to the millisecond, gaps and all."""
    from_ns, until_ns = BEGIN + 3 * PICTURE_NS, BEGIN + 900 * NS_PER_S + 14 * PICTURE_NS
    items, shown, heard = stretches(encoder, b_frames, sound)
    exported, data = evidence(items, from_ns, until_ns)
    wanted = [utc_ns for utc_ns in shown if from_ns <= utc_ns < until_ns]
    assert (exported.from_ns, len(exported.gaps)) == (wanted[0], 5 - 1)
    found = export_checker.check(data, der(certificate()))
    video, audio = found["tracks"]
    assert [round(utc_ns / 1e6) for utc_ns in video["shown"]] == [round(utc_ns / 1e6) for utc_ns in wanted]
    assert [utc_ns for utc_ns in audio["shown"] if abs(utc_ns - heard[20]) < 30_000]
    with av.open(io.BytesIO(data)) as container:
        pictures = [from_ns + round(frame.time * NS_PER_S) for frame in container.decode(video=0)]
    assert [round(utc_ns / 1e6) for utc_ns in pictures] == [round(utc_ns / 1e6) for utc_ns in wanted]
    with av.open(io.BytesIO(data)) as container:
        assert len(list(container.decode(audio=0))) >= len(heard) * 0.9


@pytest.mark.parametrize(("encoder", "b_frames", "sound"), FORMATS.values(), ids=FORMATS.keys())
def test_gstreamer_shows_the_first_and_the_last_picture(encoder, b_frames, sound, tmp_path):
    from_ns, until_ns = BEGIN + 3 * PICTURE_NS, BEGIN + 900 * NS_PER_S + 14 * PICTURE_NS
    items, shown, _ = stretches(encoder, b_frames, sound)
    file = tmp_path / "export.mp4"
    file.write_bytes(evidence(items, from_ns, until_ns)[1])
    wanted = [utc_ns - from_ns for utc_ns in shown if from_ns <= utc_ns < until_ns]
    times = gstreamer_times(file)
    assert len(times) == len(wanted)
    assert all(abs(time - want) < 1_000_000 for time, want in zip(times, wanted, strict=True))


def gstreamer_times(file: Path) -> list[int]:
    """Stream times of the decoded pictures: places on the presentation's time line, in nanoseconds."""
    pipeline = (
        f"filesrc location={file} ! qtdemux name=d d.video_0 ! queue ! decodebin ! fakesink silent=false sync=false"
    )
    command = [needs("gst-launch-1.0"), "-v", *pipeline.split()]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    (start,) = set(re.findall(r"type: segment .* start=\(guint64\)(\d+), .*, time=\(guint64\)0,", said))
    stamps = re.findall(r"last-message = chain .* pts: (\d+):(\d\d):(\d\d)\.(\d{9}),", said)
    return [((int(h) * 60 + int(m)) * 60 + int(s)) * NS_PER_S + int(ns) - int(start) for h, m, s, ns in stamps]


def test_gstreamer_follows_a_change_of_the_size(tmp_path):
    tracks, first = footage(frames=25)
    larger, second = footage(frames=25, start_s=1.0, size=(640, 480))
    file = tmp_path / "export.mp4"
    file.write_bytes(evidence([Begin(tracks, 0, 1), *first, Begin(larger, 0, 1), *second])[1])
    assert len(gstreamer_times(file)) == 50


def test_the_checker_is_a_program_of_its_own(tmp_path):
    """It runs without anything of ours on its path."""
    (tmp_path / "export.mp4").write_bytes(signed())
    (tmp_path / "signer.der").write_bytes(der(certificate()))
    (tmp_path / "other.der").write_bytes(der(certificate(1)))
    (tmp_path / "changed.mp4").write_bytes(signed()[:-1] + b"!")
    checker = Path(export_checker.__file__)
    assert "bridge" not in re.findall(r"^(?:from|import) (\w+)", checker.read_text(), re.MULTILINE)

    def run(*names):
        command = [sys.executable, "-I", str(checker), *names]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    good = run("export.mp4", "signer.der")
    assert (good.returncode, good.stdout.splitlines()[0]) == (0, "intact; exported by ann on host")
    assert run("export.mp4", "other.der").stdout == "refused: the signature is somebody else's\n"
    assert run("changed.mp4").returncode == 1


def test_openssl_checks_the_signature(tmp_path):
    """What docs/design/export.md says of it is enough for a tool that knows nothing of MP4."""
    data = signed()
    sibo = next(found for found in all_boxes(data) if found.kind == b"sibo")
    (tmp_path / "signature").write_bytes(data[sibo.content : sibo.end])
    (tmp_path / "signed").write_bytes(data[: sibo.content] + bytes(sibo.end - sibo.content) + data[sibo.end :])
    (tmp_path / "signer.pem").write_bytes(certificate().public_bytes(Encoding.PEM))
    openssl = needs("openssl")
    command = [openssl, "x509", "-in", "signer.pem", "-pubkey", "-noout", "-out", "key.pem"]
    subprocess.run(command, cwd=tmp_path, timeout=60, check=True)
    scheme = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:20", "-sigopt", "rsa_mgf1_md:sha256"]
    command = [openssl, "dgst", "-sha256", *scheme, "-verify", "key.pem", "-signature", "signature", "signed"]
    assert subprocess.run(command, cwd=tmp_path, timeout=60, check=True, capture_output=True).stdout == b"Verified OK\n"


# --- The same files before both checks -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small():
    """A second of everything: two kinds of video samples and sound, small enough to be checked a thousand times."""
    pictures = encoded.pictures("libx264", 64, 64, frames=25, b_frames=2)
    config, frames = encoded.aac(16_000, "mono")
    tracks = (complete_track(Track(Codec.H264, 90_000), pictures[0].parts), Track(Codec.AAC, 16_000, config=config))
    units = [
        AccessUnit(0, one.pts * 3600, BEGIN + one.pts * PICTURE_NS, 0, one.key, tuple(one.parts)) for one in pictures
    ]
    sound = [
        AccessUnit(1, index * 1024, BEGIN + index * 64_000_000, 0, True, (frame,)) for index, frame in enumerate(frames)
    ]
    return evidence([Begin(tracks, 0, 1), *units, *sound], BEGIN, BEGIN + NS_PER_S)[1]


def verdicts(data, trusted=None):
    """(ours, the checker's): whether the file is good."""
    try:
        verdict = verify(io.BytesIO(data))
        ours = not verdict.changed and (trusted is None or der(verdict.seals[-1][1]) == trusted)
    except NotAnExportError:
        ours = False
    try:
        export_checker.check(data, trusted)
    except export_checker.RefusedError:
        return ours, False
    return ours, True


CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl", b"edts", b"sinf", b"schi"}
BEHIND = {b"meta": 4, b"ipro": 6, b"stsd": 8, b"dref": 8}


def all_boxes(data, start=0, end=None):
    """Every box, those in others too."""
    for found in read_boxes(data, start, end):
        yield found
        if found.kind in CONTAINERS or found.kind in BEHIND:
            yield from all_boxes(data, found.content + BEHIND.get(found.kind, 0), found.end)


def test_both_accept_what_was_signed(small):
    assert verdicts(small) == (True, True)
    assert verdicts(small, der(certificate())) == (True, True)
    assert verdicts(signed(), der(certificate())) == (True, True)


def test_a_flipped_byte_in_any_box(small):
    """The first, the middle and the last byte of each, and every byte of its header."""
    places = set()
    kinds = set()
    for found in all_boxes(small):
        kinds.add(found.kind)
        places.update(range(found.start, found.content))
        if found.end > found.content:
            places.update((found.content, (found.content + found.end) // 2, found.end - 1))
    assert kinds >= {b"ftyp", b"mdat", b"moov", b"uuid", b"meta", b"suep", b"ipro", b"cstb", b"sibo", b"cert", b"auib"}
    assert kinds >= {b"mvhd", b"tkhd", b"elst", b"avc1", b"mp4a", b"stts", b"ctts", b"stss", b"stsc", b"stsz", b"co64"}
    for place in sorted(places):
        for bit in (0x01, 0x80):
            changed = bytearray(small)
            changed[place] ^= bit
            assert verdicts(bytes(changed)) == (False, False), f"byte {place}"


def test_a_flipped_byte_in_any_sample(small):
    samples = [row for track in export_checker.check(small)["tracks"] for row in track["samples"]]
    assert len(samples) > 30
    for at, size, *_ in samples:
        for place in (at, at + size // 2, at + size - 1):
            changed = bytearray(small)
            changed[place] ^= 0x10
            assert verdicts(bytes(changed)) == (False, False), f"byte {place}"


def test_a_sample_or_a_box_that_was_removed(small):
    places = [row[:2] for track in export_checker.check(small)["tracks"] for row in track["samples"]]
    places += [(found.start, found.end - found.start) for found in all_boxes(small)]
    for at, size in places:
        assert verdicts(small[:at] + small[at + size :]) == (False, False), f"{size} bytes at {at}"
        # The header of mdat says again how long it is.
        mended = bytearray(small[:at] + small[at + size :])
        (mdat,) = [found for found in read_boxes(small) if found.kind == b"mdat"]
        if mdat.content <= at < mdat.end:
            struct.pack_into("!Q", mended, mdat.start + 8, mdat.end - mdat.start - size)
            assert verdicts(bytes(mended)) == (False, False), f"{size} bytes at {at}"


def test_a_file_that_was_cut_short_or_added_to(small):
    for size in [*range(0, len(small), 997), *range(len(small) - 300, len(small))]:
        assert verdicts(small[:size]) == (False, False), size
    for more in (b"\0", bytes(8), box(b"free"), box(b"mdat", b"x"), box(b"mfra"), small, small[-2000:]):
        assert verdicts(small + more) == (False, False)


def test_times_that_were_changed(small):
    """Start time, time of export, durations, edits: each set to another plausible value."""
    for kind, back in ((b"cstb", 3), (b"stts", 1), (b"elst", 5), (b"ctts", 1), (b"mvhd", 80)):
        found = next(one for one in all_boxes(small) if one.kind == kind)
        changed = bytearray(small)
        changed[found.end - back] ^= 0x02
        assert verdicts(bytes(changed)) == (False, False), kind
    suep = next(one for one in all_boxes(small) if one.kind == b"suep")
    changed = bytearray(small)
    changed[small.index(b"\0\0\0\0", suep.content + 4) + 7] ^= 1
    assert verdicts(bytes(changed)) == (False, False)


def test_somebody_elses_certificate(small):
    """Put in the place of the signer's, it does not fit; a file that he signed himself is his."""
    mine, his = der(certificate()), der(certificate(1))
    assert len(mine) == len(his)
    assert verdicts(small.replace(mine, his)) == (False, False)
    tracks, units = footage(frames=5)
    forged = evidence([Begin(tracks, 0, 1), *units], number=1)[1]
    assert verdicts(forged) == (True, True)
    assert verdicts(forged, mine) == (False, False)
