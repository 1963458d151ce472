"""Segments for the tests: small ones of a few bytes, and real ones from FFmpeg's encoders."""

import functools
import random
import uuid
from fractions import Fraction

import av

from bridge.base.media import AccessUnit, Codec, Track
from bridge.base.time import NS_PER_S, ticks_to_ns
from bridge.store.chain import KeySigner
from bridge.store.format import ClockFacts, SegmentHeader
from bridge.store.layout import RecordingFacts, StorageFacts, StorageFolder
from bridge.store.segment_writer import FragmentUnits, SegmentWriter, segment_origins
from bridge.wire import annexb
from bridge.wire.mp4.decode_times import begin_run
from bridge.wire.payload import complete_track
from tests.wire import encoded

SPS = bytes.fromhex("6764000aacb423d080000003008000001947891350")
PPS = bytes.fromhex("68ce0fc40c")
VIDEO = complete_track(Track(Codec.H264, 90_000), (SPS, PPS))
AUDIO = Track(Codec.PCMU, 8000)
TRACKS = (VIDEO, AUDIO)

RECORDING = uuid.UUID("11111111-2222-4333-8444-555555555555")
RECORDER = uuid.UUID("99999999-2222-4333-8444-555555555555")
SIGNER = KeySigner(bytes(range(32)))
START_NS = 1_795_000_000 * NS_PER_S
CLOCK = ClockFacts(-1_500_000_000, "offset")


def recording_folder(path):
    storage = StorageFolder(path / "storage")
    storage.create(StorageFacts(uuid.UUID(int=1), "test"))
    folder = storage.recording(RECORDING)
    folder.create(RecordingFacts(RECORDING, RECORDER, "cam-1", "main", START_NS, None, SIGNER.public_key))
    return folder


def unit(track, media_time, *, key=True, parts=None, damaged=False, clock_rate=None):
    rate = clock_rate or TRACKS[track].clock_rate
    content = parts if parts is not None else (b"%d:%d" % (track, media_time),)
    return AccessUnit(track, media_time, START_NS + ticks_to_ns(media_time, rate), 0, key, content, damaged)


def small_fragment(number, pictures=2, *, key=True, audio=True):
    """Pictures at 4 a second, each with a frame of audio; times count on from fragment to fragment."""
    units = []
    for picture in range(number * pictures, (number + 1) * pictures):
        first = picture == number * pictures
        parts = (SPS, PPS, b"\x65key%d" % picture) if first and key else (b"\x41delta%d" % picture,)
        units.append(unit(0, 22_500 * picture, key=first and key, parts=parts))
        if audio:
            units.append(unit(1, 2000 * picture, parts=(b"pcm%03d" % picture,)))
    return FragmentUnits(units, {0: 22_500 * (number + 1) * pictures})


def start(folder, fragments, serial=1, *, run=None, tracks=TRACKS, times=None, key=True, recorder=RECORDER):
    """A writer with these fragments in it; the first one tells the origins."""
    times = begin_run(tracks) if times is None else times
    origins = segment_origins(tracks, times, fragments[0])
    header = SegmentHeader(folder.uuid, recorder, serial, run or serial, origins, key)
    first_ns = min(one.utc_ns for one in fragments[0].units)
    writer = SegmentWriter.create(folder, header, tracks, first_ns, times)
    for fragment in fragments:
        writer.append(fragment)
    return writer


def unfinished(folder, fragments, serial=1, **options):
    """A file as a killed process leaves it."""
    writer = start(folder, fragments, serial, **options)
    writer.close()
    return writer.path


def finish(folder, fragments, serial=1, **options):
    """(path, what is known of it) of a finished segment on disk."""
    writer = start(folder, fragments, serial, **options)
    segment = writer.finish(CLOCK)
    writer.sync()
    writer.close()
    return writer.path, segment


def units_of(fragments, track):
    return [one for fragment in fragments for one in fragment.units if one.track == track]


@functools.cache
def pictures(encoder, b_frames=0, frames=50, gop=20):
    """(NAL units, number in the order of presentation, key) of each picture, in decoding order."""
    context = av.CodecContext.create(encoder, "w")
    context.width, context.height, context.pix_fmt = 320, 240, "yuv420p"
    context.framerate, context.time_base, context.gop_size = Fraction(25), Fraction(1, 25), gop
    if encoder == "libx265":
        context.options = {"preset": "ultrafast", "x265-params": f"log-level=none:bframes={b_frames}:repeat-headers=1"}
    else:
        context.options = {"preset": "fast", "forced-idr": "1", "bf": str(b_frames), "b_strategy": "0"}
    packets = []
    for index in range(frames):
        frame = av.VideoFrame(320, 240, "yuv420p")
        for plane in frame.planes:
            noise = random.Random(index // 5).randbytes(4096)
            plane.update((noise * (plane.buffer_size // 4096 + 1))[: plane.buffer_size])
        frame.pts = index
        packets += context.encode(frame)
    packets += context.encode(None)
    return tuple((annexb.split(bytes(packet)), packet.pts, packet.is_keyframe) for packet in packets)


def real_fragments(encoder, *, b_frames=0, audio="pcmu", fragment_pictures=12):
    """(tracks, fragments) of two seconds of video with sound, cut before key frames and when a fragment is full."""
    shown = pictures(encoder, b_frames)
    codec = Codec.H265 if encoder == "libx265" else Codec.H264
    track = Track(codec, 90_000)
    sets = tuple(part for part in shown[0][0] if _is_parameter_set(codec, part))
    video = complete_track(track, sets)
    if audio == "aac":
        config, frames = encoded.aac(16_000, "mono")
        sound = Track(Codec.AAC, 16_000, config=config)
        frames = [(number * 1024, frame) for number, frame in enumerate(frames)]
    else:
        sound = Track(Codec.PCMU if audio == "pcmu" else Codec.PCMA, 8000)
        frames = [(number * 160, random.Random(number).randbytes(160)) for number in range(100)]
    # Somewhere on the stream's time line, the same moment for both.
    video_at, sound_at = 90_000 * 1000, sound.clock_rate * 1000
    units = []
    for order, (parts, number, key) in enumerate(shown):
        media_time = video_at + number * 3600
        units.append((order * 0.04, AccessUnit(0, media_time, START_NS + number * 40_000_000, 0, key, parts)))
    for offset, frame in frames:
        utc_ns = START_NS + ticks_to_ns(offset, sound.clock_rate)
        units.append((offset / sound.clock_rate, AccessUnit(1, sound_at + offset, utc_ns, 0, True, (frame,))))
    units = [one for _, one in sorted(units, key=lambda pair: pair[0])]
    return (video, sound), cut(units, fragment_pictures)


def cut(units, fragment_pictures):
    fragments, open_units, count = [], [], 0
    for one in units:
        if one.track == 0:
            if open_units and (one.key or count == fragment_pictures):
                fragments.append(FragmentUnits(open_units, {0: one.media_time}))
                open_units, count = [], 0
            count += 1
        open_units.append(one)
    return [*fragments, FragmentUnits(open_units)]


def _is_parameter_set(codec, part):
    return part[0] >> 1 & 0x3F in (32, 33, 34) if codec is Codec.H265 else part[0] & 0x1F in (7, 8)
