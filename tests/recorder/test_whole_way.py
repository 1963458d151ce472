"""What a camera sent comes back: hub, cutter, lane, storage, index and reader in one, with real bitstreams.

tests/interop/test_postgres.py runs the same class on PostgreSQL.
"""

import itertools
import random
import uuid

import pytest

from bridge.base.media import AccessUnit, Codec, Track
from bridge.base.time import NS_PER_S, ManualClock
from bridge.media.hub import Hub
from bridge.recorder.cutter import Cutter
from bridge.recorder.disk import StorageDisk
from bridge.recorder.keeper import Keeper
from bridge.recorder.lane import Lane, RecordedStream
from bridge.recorder.settings import StorageSettings
from bridge.recorder.storage import StorageWriter
from bridge.store.chain import KeySigner
from bridge.store.layout import StorageFolder
from bridge.store.reader import Begin, Gap, Reading
from bridge.store.shelf import RecordingShelf
from bridge.store.verify import verify
from bridge.wire.payload import complete_track
from tests.wire import encoded

PICTURES = 75
PICTURE_NS = NS_PER_S // 25
SOUND_LATE_NS = 250_000_000


METADATA_NS = 300_000_000
LATM = Track(Codec.AAC_LATM, 16_000, config=bytes.fromhex("400028103fc0"))
SOUNDS = {
    Codec.AAC_LATM: (LATM, 1024),
    Codec.G726: (Track(Codec.G726, 8000, config=b"AAL2-G726-32"), 160),
    Codec.PCMU: (Track(Codec.PCMU, 8000), 160),
    Codec.PCMA: (Track(Codec.PCMA, 8000), 160),
}


class Camera:
    """A stream of real pictures, sounds and metadata; what its hub hands out is what must be found."""

    def __init__(self, clock, encoder, b_frames, audio):
        self.clock = clock
        self.hub = Hub("gate/main", clock)
        if encoder == "mjpeg":
            pictures = enumerate(encoded.jpegs(frames=PICTURES))
            self.pictures = [encoded.Picture(number, number, True, (one,)) for number, one in pictures]
            video = Track(Codec.JPEG, 90_000, width=320, height=240)
        else:
            self.pictures = encoded.pictures(encoder, frames=PICTURES, b_frames=b_frames)
            codec = {"libx264": Codec.H264, "libx265": Codec.H265}[encoder]
            video = complete_track(Track(codec, 90_000), self.pictures[0].parts)
        if audio is Codec.AAC:
            config, self.sounds = encoded.aac(16_000, "mono")
            sound, self.ticks = Track(audio, 16_000, config=config), 1024
        elif audio is Codec.OPUS:
            self.sounds = encoded.opus("stereo")
            sound, self.ticks = Track(audio, 48_000, 2), 960
        else:
            self.sounds = [random.Random(number).randbytes(160) for number in range(20)]
            sound, self.ticks = SOUNDS[audio]
        self.tracks = (video, sound, Track(Codec.ONVIF_METADATA, 90_000))
        self.sent: list[AccessUnit] = []
        self.hub.subscribe(self)

    def on_access_unit(self, unit):
        self.sent.append(unit)

    def on_tracks(self, tracks):
        pass

    def connect_and_send(self, step):
        """Three seconds of a connection. step: called every half a second."""
        run, begin = self.hub.begin_run(self.tracks), self.clock.monotonic_ns()
        rate = self.tracks[1].clock_rate
        events = [
            (order * PICTURE_NS, 0, (one.pts + 3) * 3600, one.parts, one.key) for order, one in enumerate(self.pictures)
        ]
        for number in range(PICTURES * PICTURE_NS * rate // (self.ticks * NS_PER_S)):
            at_ns = number * self.ticks * NS_PER_S // rate
            # The first sounds are late: media times of the tracks are not in step.
            late_ns = SOUND_LATE_NS if number < 4 else 0
            sound = self.sounds[number % len(self.sounds)]
            events.append((at_ns + late_ns, 1, number * self.ticks, (sound,), True))
        for number, at_ns in enumerate(range(0, PICTURES * PICTURE_NS, METADATA_NS)):
            document = f"<tt:MetadataStream n='{number}'/>".encode() * (number + 1)
            events.append((at_ns, 2, at_ns * 9 // 100_000, (document,), True))
        events.sort(key=lambda event: event[:3])
        for number, (at_ns, track, media_time, parts, key) in enumerate(events):
            self.clock.advance(begin + at_ns - self.clock.monotonic_ns())
            run.push(track, media_time, parts, key, False, self.clock.monotonic_ns())
            if number % 40 == 0:
                step()
        run.end()


def essence(units, track):
    return [(one.media_time, one.utc_ns, one.key, one.parts, one.damaged) for one in units if one.track == track]


class TestWholeWay:
    @pytest.mark.parametrize(
        ("encoder", "b_frames", "audio"),
        [
            ("libx264", 3, Codec.AAC),
            ("libx264", 0, Codec.PCMU),
            ("libx265", 0, Codec.AAC),
            ("libx265", 2, Codec.PCMA),
            ("libx264", 2, Codec.OPUS),
            ("mjpeg", 0, Codec.G726),
            ("mjpeg", 0, Codec.AAC_LATM),
        ],
    )
    def test_bit_for_bit_dated_and_in_order(self, index, tmp_path, encoder, b_frames, audio):
        clock = ManualClock()
        camera = Camera(clock, encoder, b_frames, audio)
        keeper = Keeper(uuid.UUID(int=77), KeySigner(bytes(32)), index, lambda recording: ())
        disk = StorageDisk(StorageSettings("default", tmp_path / "cctv", make=True), keeper, clock)
        storage = StorageWriter("default", disk, clock, sync_interval_ns=2 * NS_PER_S)
        row = index.ensure_recording(uuid.uuid4(), "gate", "main", clock.utc_ns())
        stream = RecordedStream(row.id, row.uuid, row.camera, row.stream, row.created_utc_ns)
        lane = Lane(stream, NS_PER_S, storage.queue)
        storage.add(lane, lambda: None)
        storage.sync_step()
        cutter = Cutter(camera.hub, lane)

        def step():
            while storage.write_next():
                pass
            storage.sync_step()

        camera.connect_and_send(step)
        clock.advance(5 * NS_PER_S)
        camera.connect_and_send(step)
        cutter.end()
        step()
        disk.close()
        assert lane.lost_units == 0

        folder = StorageFolder(tmp_path / "cctv").recording(row.uuid)
        rows = index.segments_between(row.id, 0, 1 << 62, 100)
        assert len(rows) >= 6
        assert [fault for one in rows for fault in verify(folder.find(one.serial))] == []
        shelf = RecordingShelf(
            index, row.id, row.uuid, lambda storage_id, recording, serial, start: folder.find(serial, start)
        )
        reading = Reading(shelf)
        items, back = list(reading.forward(0)), list(reading.backward(1 << 62))
        reading.close()

        begins = [one for one in items if isinstance(one, Begin)]
        assert [one.tracks for one in begins] == [camera.tracks] * 2
        assert len({one.run for one in begins}) == 2
        (gap,) = [one for one in items if isinstance(one, Gap)]
        assert gap.until_ns - gap.from_ns == pytest.approx(5 * NS_PER_S, abs=NS_PER_S)
        found = [one for one in items if isinstance(one, AccessUnit)]
        assert len(items) == len(found) + 3
        assert len(found) == len(camera.sent) > 3 * PICTURES
        for track in range(3):
            assert essence(found, track) == essence(camera.sent, track)
        assert [one.parts for one in found if one.track == 0] == [one.parts for one in camera.pictures] * 2
        again = sorted((one for one in back if isinstance(one, AccessUnit)), key=lambda one: (one.utc_ns, one.track))
        assert again == sorted(found, key=lambda one: (one.utc_ns, one.track))
        # All tracks come together, by the time they were captured: no more apart than B-frames and a fragment's start.
        for before, after in itertools.pairwise(found):
            assert after.utc_ns - before.utc_ns > -NS_PER_S // 2
