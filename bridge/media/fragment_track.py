"""One track of live fragments: where its units stand on the time line of the fragments, and each as `moof` and `mdat`.

Times are the hub's media times put off by a constant, which brings the tracks together by when they were captured. How
long a unit lasts is not known before the next one comes, and waiting for that would cost a picture: the fragment tells
what the one before lasted, and a little more. Media Source Extensions drop all pictures up to the next key frame where
decode times jump by more than twice the longest duration seen (3.5.8): what lasts longer than told, as a camera left
pictures out, must not look like a jump. What is told too long is cut by what comes next.
"""

from collections import deque
from collections.abc import Sequence

from bridge.base.errors import LocalProtocolError
from bridge.base.media import AccessUnit, Codec, Medium, Track
from bridge.base.time import ns_to_ticks, ticks_to_ns
from bridge.media.packets import Run
from bridge.wire.audio import flac
from bridge.wire.mp4.codecs import codecs_string
from bridge.wire.mp4.decode_times import DecodeTimes
from bridge.wire.mp4.fragment import DELTA_FLAGS, KEY_FLAGS, head_of_one

_LENGTHS_BYTES = 4
_USUAL_VIDEO_RATE = 25
_USUAL_AUDIO_RATE = 50
_SPARE_PART_OF_S = 10
"""A duration is told too long by two more of the same, but by no more than this part of a second."""


class Fragment:
    """See the module; for the fan-out, and for who joins fragments. Its bytes are made when first asked for.

    track:       number in the stream
    time:        presentation, in the track's clock
    step:        until the next one, as far as that can be known
    key:         decoding may start here
    octets:      of the samples
    """

    __slots__ = ("_data", "_line", "_sequence", "_unit", "decode_time", "key", "octets", "step", "time", "track")

    packets = 1

    def __init__(
        self, line: "FragmentTrack", unit: AccessUnit, sequence: int, time: int, decode_time: int, step: int
    ) -> None:
        self.track = unit.track
        self.key = unit.key
        self.octets = unit.size_bytes
        self.time = time
        self.decode_time = decode_time
        self.step = step
        self._line = line
        self._unit: AccessUnit | None = unit
        self._sequence = sequence
        self._data = b""

    @property
    def clock_rate(self) -> int:
        """Of its times."""
        return self._line.track.clock_rate

    def for_channel(self, channel: int) -> bytes:
        """`moof` and `mdat`: the same for everybody."""
        unit = self._unit
        if unit is not None:
            self._data = self._line.encode(unit, self._sequence, self.decode_time, self.time, self.step)
            self._unit = None
        return self._data

    def runs(self) -> tuple[Run, ...]:
        """Nothing of it goes by datagrams."""
        return ()


class FragmentTrack:
    """See the module. playable: whether browsers play it, as far as that is known."""

    def __init__(self, track: Track, track_id: int) -> None:
        self.describe(track)
        self._id = track_id
        self._shift: int | None = None
        self._decode_times = DecodeTimes(track) if track.codec.of_nal_units else None
        self._last: int | None = None
        usual = _USUAL_VIDEO_RATE if track.medium is Medium.VIDEO else _USUAL_AUDIO_RATE
        self._step = max(1, int(track.clock_rate // (track.frame_rate or usual)))
        self._known: deque[int] = deque()

    def describe(self, track: Track) -> None:
        """The same with other parameter sets."""
        self.track = track
        self.playable = codecs_string(track) is not None

    def prime(self, units: Sequence[AccessUnit], anchor: tuple[int, int]) -> None:
        """The next units are known already: their decode times are as deep as their reordering is."""
        if units and self._decode_times is not None:
            self._align(units[0], anchor)
            self._known.extend(self._decode_times.assign([unit.media_time + (self._shift or 0) for unit in units])[0])

    def take(self, unit: AccessUnit, sequence: int, anchor: tuple[int, int]) -> Fragment:
        """The next unit. anchor: (utc_ns, time_ns): what was captured then has that time in the fragments."""
        shift = self._shift
        if shift is None:
            shift = self._align(unit, anchor)
        time = unit.media_time + shift
        last = self._last
        if self._decode_times is None:
            decode_time = time if last is None or time > last else last + 1
            time = decode_time
        elif self._known:
            decode_time = self._known.popleft()
        else:
            decode_time = self._assign(time)
        self._last = decode_time
        if last is not None:
            # A pause says nothing of the next picture; a camera that has become slower is followed in a few.
            self._step = min(decode_time - last, 2 * self._step)
        return Fragment(self, unit, sequence, time, decode_time, self._step)

    def time_ns(self, fragment: Fragment) -> int:
        """Its presentation time."""
        return ticks_to_ns(fragment.time, self.track.clock_rate)

    def _align(self, unit: AccessUnit, anchor: tuple[int, int]) -> int:
        utc_ns, time_ns = anchor
        self._shift = ns_to_ticks(time_ns + unit.utc_ns - utc_ns, self.track.clock_rate) - unit.media_time
        return self._shift

    def _assign(self, time: int) -> int:
        decode_times = self._decode_times
        if decode_times is None:
            return time
        try:
            return decode_times.assign((time,))[0][0]
        except LocalProtocolError:
            # So far ahead that no composition offset reaches: what is decoded from here on hangs on nothing before.
            self._decode_times = DecodeTimes(self.track, decode_times.depth)
            return self._decode_times.assign((time,))[0][0]

    def encode(self, unit: AccessUnit, sequence: int, decode_time: int, time: int, step: int) -> bytes:
        """From the fragment."""
        track = self.track
        duration = step + min(2 * step, track.clock_rate // _SPARE_PART_OF_S)
        if track.codec.of_nal_units:
            size = unit.size_bytes + _LENGTHS_BYTES * len(unit.parts)
            pieces = [b""]
            for part in unit.parts:
                pieces += (len(part).to_bytes(_LENGTHS_BYTES), part)
        elif track.codec in (Codec.PCMU, Codec.PCMA):
            pieces = [b"", *_as_flac(track, unit.parts, decode_time)]
            size = sum(map(len, pieces))
        else:
            pieces, size = [b"", *unit.parts], unit.size_bytes
        flags = KEY_FLAGS if unit.key else DELTA_FLAGS
        pieces[0] = head_of_one(sequence, self._id, decode_time, time - decode_time, duration, flags, size)
        return b"".join(pieces)


def _as_flac(track: Track, parts: Sequence[bytes], sample: int) -> list[bytes]:
    """What is no whole number of samples is left out."""
    try:
        return [flac.frame(track, part, sample) for part in parts]
    except ValueError:
        return []
