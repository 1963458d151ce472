"""Access units out of NAL units: when one ends, when it is damaged, how large it may grow.

What H.264 (RFC 6184) and H.265 (RFC 7798) share; their own `rtp.py` takes the NAL units out of the payloads.

A unit ends by the marker bit or by the next timestamp, whichever comes first. Two faults of cameras are met by name:

- A marker on parameter sets, SEI or delimiters ends nothing: these begin a picture (H.264 7.4.1.2.3, H.265 7.4.2.4.4).
  When such NAL units come alone with a timestamp of their own they join the picture that follows, for the same reason;
  when their own picture was lost they are a damaged unit without one.
- A marker on every slice: see `MarkerPolicy`.
- Fragments of which none is marked as the last: see `FragmentEndPolicy`.
"""

import abc
import enum
from collections.abc import Callable, Container, Sequence

#: sink(timestamp, parts, key, damaged); timestamp: 32 bits as in the RTP header
UnitSink = Callable[[int, tuple[bytes, ...], bool, bool], object]

MAX_UNIT_BYTES = 16 << 20
MAX_UNIT_PARTS = 4096

START_CODE = b"\0\0\1"

#: So many pictures that went on after their marker prove that it stands on slices; looked for among the first units.
EARLY_MARKERS_PROVE = 2
EARLY_MARKERS_SOUGHT_UNITS = 64

#: So many units that ended without any marker prove that the camera never sets it.
MISSING_MARKERS_PROVE = 3

#: So many fragmented NAL units without an end, and none with one, prove that the camera never sets the end bit.
MISSING_ENDS_PROVE = 3


class MarkerPolicy(enum.Enum):
    """What ends an access unit.

    TRUST:  the marker bit (RFC 6184 5.1) or the next timestamp; switches itself to IGNORE when, early on, slices that
            are not the first of their picture follow a marker with the same timestamp
    IGNORE: the next timestamp only, which costs a frame's time of delay
    """

    TRUST = "trust"
    IGNORE = "ignore"


class FragmentEndPolicy(enum.Enum):
    """What ends a NAL unit that comes in fragments.

    TRUST:  the end bit (RFC 6184 5.8, RFC 7798 4.4.3); without it the NAL unit is not whole. Switches itself to IGNORE
            after MISSING_ENDS_PROVE NAL units that something else followed, with nothing lost between, when no end bit
            was ever seen
    IGNORE: whatever follows that is not its next fragment, or the marker. FFmpeg never looks at the bit, so firmware
            that does not set it is not found out
    """

    TRUST = "trust"
    IGNORE = "ignore"


def without_start_codes(data: bytes) -> list[bytes]:
    """NAL units that are separated by start codes (H.264 annex B), without these and without the zeros around them."""
    return [nal for nal in (piece.rstrip(b"\0") for piece in data.split(START_CODE)) if nal]


#: What a NAL unit means to its access unit, as bits: it is (a slice of) a picture, one that decoding may start at, the
#: first where it stands at all.
_PICTURE, _RANDOM_ACCESS, _START = 1, 2, 4


def roles(
    kinds: Sequence[int], *, pictures: Container[int], random_access: Container[int], starts: Container[int]
) -> bytes:
    """The roles of the NAL unit types `kinds`."""
    return bytes(
        _PICTURE * (kind in pictures) | _RANDOM_ACCESS * (kind in random_access) | _START * (kind in starts)
        for kind in kinds
    )


class NalUnitDepacketizer(abc.ABC):
    """The part of a depacketiser that collects NAL units; subclasses bring `push` and the tables of their codec.

    A unit beyond `max_unit_bytes` or `max_unit_parts` is dropped whole and counted in `oversized_units`; the one after
    it is then marked damaged.
    """

    #: By NAL unit type: what it means to the unit, as made by `roles`.
    _ROLES: bytes
    _NAL_HEADER_BYTES: int
    FRAGMENT_HEADER_BYTES: int

    def __init__(
        self,
        sink: UnitSink,
        *,
        marker_policy: MarkerPolicy = MarkerPolicy.TRUST,
        max_unit_bytes: int = MAX_UNIT_BYTES,
        max_unit_parts: int = MAX_UNIT_PARTS,
    ) -> None:
        self.marker_policy = marker_policy
        self.fragment_end_policy = FragmentEndPolicy.TRUST
        self.oversized_units = 0
        self.refused_payloads = 0
        self._sink = sink
        self._max_unit_bytes = max_unit_bytes
        self._max_unit_parts = max_unit_parts
        self._units = 0
        self._early_markers = 0
        self._markers = 0
        self._unmarked_units = 0
        self._end_bits = False
        self._unended_nals = 0

        # `_expected` is the open unit's timestamp while nothing special has to be looked at, else -1: so `push` gets by
        # with one comparison.
        self._expected = -1
        self._timestamp = -1
        self._in_unit = False
        self._parts: list[bytes] = []
        #: The NAL unit that is being put together from fragments, and what the FRAGMENT_HEADER_BYTES of its middle ones
        #: are, as one number. A receiver may add middle fragments to `fragments` itself, and take their bytes off
        #: `fragments_room`: there is nothing else to be done for them.
        self.fragments: list[bytes | memoryview] | None = None
        self.fragments_room = 0
        self.middle = 0
        self.room_bytes = max_unit_bytes
        self._roles = 0  # of all its NAL units together
        self._starts_clean = False
        self._oversized = False
        self._damaged = False
        # Packets went missing: since the last push; before the open unit (and perhaps its beginning with them).
        self._gap = False
        self._gap_before = False
        self._ended_by_marker = -1

    @property
    def open(self) -> bool:
        """Whether parts of a unit are held back for its end."""
        return bool(self._parts) or self.fragments is not None

    @property
    def markers_missing(self) -> bool:
        """Whether this camera, as far as we know it, never sets the marker."""
        return self._markers == 0 and self._unmarked_units >= MISSING_MARKERS_PROVE

    @property
    def awaits_timestamp(self) -> bool:
        """Whether the open unit holds whole NAL units only and, as far as we know this camera, no marker ends it."""
        if not self._roles & _PICTURE or self.fragments is not None:
            return False
        return self.marker_policy is MarkerPolicy.IGNORE or self.markers_missing

    def lost(self) -> None:
        """Packets went missing before the next push: a NAL unit in progress is dropped, the unit is damaged."""
        self._gap = True
        self._damaged |= self._in_unit
        self.fragments = None
        self._expected = -1

    def flush(self) -> None:
        """The open unit is delivered as it is, without a NAL unit still in progress."""
        if self.fragments is not None:
            self.fragments = None
            self._damaged = True
        self._close()

    def _end_fragments(self, fragments: list[bytes | memoryview]) -> None:
        """The last of them is there."""
        self._end_bits = True
        self.fragment_end_policy = FragmentEndPolicy.TRUST
        self.fragments = None
        self._add_known(b"".join(fragments))

    def _drop_fragments(self) -> None:
        """Something else follows, and none of them was the last."""
        fragments, self.fragments = self.fragments, None
        self._unended_nals += 1
        if self._unended_nals >= MISSING_ENDS_PROVE and not self._end_bits:
            self.fragment_end_policy = FragmentEndPolicy.IGNORE
        if self.fragment_end_policy is FragmentEndPolicy.IGNORE and fragments is not None:
            self._add_known(b"".join(fragments))
        else:
            self._damaged = True

    def _turn(self, timestamp: int) -> None:
        """A packet came that is not simply the next one of the open unit."""
        gap, self._gap = self._gap, False
        if not self._in_unit:
            self._gap_before |= gap
        elif timestamp != self._timestamp:
            if self.fragments is not None:
                self._drop_fragments()
            if self._roles & _PICTURE or self._damaged or not self._parts:
                self._unmarked_units += 1
                self._close()
                self._gap_before |= gap
        self._in_unit = True
        self._timestamp = self._expected = timestamp

    def _add(self, nal: bytes, kind: int) -> None:
        """A whole NAL unit of the open access unit."""
        role = self._ROLES[kind]
        if role & _START and START_CODE in nal:
            # Some encoders hand their whole Annex B buffer to the packetiser as one NAL unit; it begins with these.
            for piece in without_start_codes(nal):
                self._add_known(piece)
            return
        self.room_bytes -= len(nal)
        parts, before = self._parts, self._roles
        if self.room_bytes < 0 or len(parts) >= self._max_unit_parts:
            self._overflow()
            return
        if not parts:
            self._starts_clean = role & _START != 0
        parts.append(nal)
        self._roles = before | role
        if role & _PICTURE and not before & _PICTURE:
            at = self._NAL_HEADER_BYTES
            if self._timestamp == self._ended_by_marker and nal[at : at + 1] < b"\x80":
                self._on_early_marker()

    def _on_early_marker(self) -> None:
        """The picture of the unit just ended goes on: its marker was wrong.

        A slice's first bit is set in the first slice of a picture only (first_mb_in_slice = 0; H.265:
        first_slice_segment_in_pic_flag), so pictures that merely share a timestamp are not taken for one.
        """
        self._early_markers += 1
        if self._early_markers >= EARLY_MARKERS_PROVE and self._units <= EARLY_MARKERS_SOUGHT_UNITS:
            self.marker_policy = MarkerPolicy.IGNORE

    def _overflow(self) -> None:
        if not self._oversized:
            self.oversized_units += 1
        self._oversized = self._damaged = True
        self._parts.clear()
        self.fragments = None
        self._roles = 0
        self.room_bytes = -1

    def _on_marker(self) -> None:
        if self.fragments is not None:
            if self.fragment_end_policy is FragmentEndPolicy.TRUST:
                return
            self._drop_fragments()
        if self._parts and not self._roles & _PICTURE:
            return
        self._markers += 1
        if self.marker_policy is MarkerPolicy.TRUST:
            self._ended_by_marker = self._timestamp
            self._close()

    def _close(self) -> None:
        """The open unit goes to the sink; the next packet begins another."""
        parts = tuple(self._parts)
        key = self._roles & _RANDOM_ACCESS != 0
        # What was lost before a unit that can be decoded by itself and begins with a parameter set or a delimiter was
        # not part of it. Any other unit after a gap may lack its first slices or the pictures that it refers to.
        damaged = self._damaged or (self._gap_before and not (key and self._starts_clean))
        self._parts.clear()
        self.room_bytes = self._max_unit_bytes
        self._roles = 0
        self._in_unit = self._starts_clean = self._oversized = False
        self._expected = -1
        # A unit of which nothing is left is a gap before the next one.
        self._gap_before = damaged and not parts
        self._damaged = False
        if parts:
            self._units += 1
            self._sink(self._timestamp, parts, key, damaged)

    @abc.abstractmethod
    def _add_known(self, nal: bytes) -> None:
        """A NAL unit, if it is of a type that the codec defines."""
