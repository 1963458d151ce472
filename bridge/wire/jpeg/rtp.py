"""JPEG in RTP (RFC 2435): payloads to whole pictures, and pictures to payloads.

Taken: types 0 and 1, with restart markers (64 and 65), tables by Q and in band, and the RTP header extension with which
ONVIF's Streaming Specification ("JPEG over RTP") carries what RFC 2435 has no field for: other Huffman tables, sizes
beyond 2040, grey. A picture is one part: JFIF with the header that the payloads tell of, the scan bit for bit.

A side beyond 2040 is 0 in the header: then the extension tells it, or SDP (`x-dimensions`, as GStreamer writes it).
"""

import struct
from collections.abc import Sequence

from bridge.base.errors import RemoteProtocolError
from bridge.wire.access_units import (
    EARLY_MARKERS_PROVE,
    EARLY_MARKERS_SOUGHT_UNITS,
    MAX_UNIT_BYTES,
    MISSING_MARKERS_PROVE,
    MarkerPolicy,
    UnitSink,
)
from bridge.wire.jpeg import image as jpeg
from bridge.wire.jpeg.image import EOI, SOI, Header, Marker

#: RFC 3551 table 5: this payload type needs no rtpmap.
PAYLOAD_TYPE = 26

#: The largest side that a header can tell, in 8 bits of blocks of 8.
MAX_SIDE = 255 * 8

#: What identifies ONVIF's header extension in the first packet of a picture, and in the others.
FIRST_EXTENSION, NEXT_EXTENSION = 0xFFD8, 0xFFFF

#: More than any header needs; what a camera says beyond it is dropped with its picture.
MAX_EXTENSION_BYTES = 64 << 10

HEADER_BYTES = 8
RESTART_BYTES = 4
_TABLES_BYTES = 4

_HEADER = struct.Struct("!I4B")
_RESTART = struct.Struct("!HH")
_TABLES = struct.Struct("!BBH")
_EXTENSION_HEAD = struct.Struct("!HH")

_OFFSET_MASK = 0xFFFFFF
#: In the type: a restart marker header follows (RFC 2435 3.1.7).
RESTARTS = 0x40
_TABLES_IN_BAND = 0x80
_TABLES_CHANGE = 0xFF
#: F and L set and the count all ones: the packets are not cut at restart markers (RFC 2435 3.1.7).
_WHOLE_FRAME = 0xFFFF

#: By type: sampling factors of Y; those of Cb and Cr are 0x11 (RFC 2435 4.1).
_LUMA = (0x21, 0x22)


class Depacketizer:
    """RTP payloads of one JPEG track, in order -> pictures, each a key frame, whole or not delivered at all.

    No decoder gets anything out of what stands behind a hole but noise, and the next picture needs none before it.
    `lost_units` counts those with a hole, `oversized_units` those beyond `max_unit_bytes`, `refused_payloads` what
    cannot be read. A picture ends by the marker or by the next timestamp, see `MarkerPolicy`.

    width, height: as SDP announces them, 0 when it does not: for what the header cannot tell, or rounds up to 8
    """

    def __init__(
        self,
        sink: UnitSink,
        *,
        width: int = 0,
        height: int = 0,
        marker_policy: MarkerPolicy = MarkerPolicy.TRUST,
        max_unit_bytes: int = MAX_UNIT_BYTES,
    ) -> None:
        self.marker_policy = marker_policy
        self.lost_units = 0
        self.oversized_units = 0
        self.refused_payloads = 0
        self._sink = sink
        self._announced = width, height
        self._max_unit_bytes = max_unit_bytes
        self._units = self._markers = self._unmarked_units = self._early_markers = 0
        self._ended = (-1, -1)

        self._timestamp = -1  # of the open picture; -1: there is none
        #: Of the open picture: its header and what came of its scan, the offset at which that goes on, what it may grow
        #: by. A receiver may add pieces itself: there is nothing else to be done for them.
        self.pieces: list[bytes | memoryview] = []
        self.next_offset = 0
        self.room_bytes = 0

        # Tables that were sent for a Q once (RFC 2435 4.2), and the header made last with what it was made from.
        self._tables: dict[int, list[bytes]] = {}
        self._made: tuple[object, bytes] | None = None
        self._extension = b""
        self._extended = False
        self._inherited: dict[int, bytes] = {}

    @property
    def open(self) -> bool:
        """Whether parts of a picture are held back for its end."""
        return self._timestamp >= 0

    @property
    def awaits_timestamp(self) -> bool:
        """Whether, as far as we know this camera, no marker ends the open picture."""
        return self._timestamp >= 0 and (
            self.marker_policy is MarkerPolicy.IGNORE
            or (self._markers == 0 and self._unmarked_units >= MISSING_MARKERS_PROVE)
        )

    def push(self, packet: memoryview, start: int, end: int, timestamp: int, marker: bool) -> None:
        """The payload packet[start:end], which must be the next in sequence unless `lost` was called before."""
        at = start + HEADER_BYTES
        if at > end:
            self._push_short(end - start, marker)
            return
        offset = (packet[start + 1] << 8 | packet[start + 2]) << 8 | packet[start + 3]
        if offset == self.next_offset and timestamp == self._timestamp:
            if packet[start + 4] & RESTARTS:
                at += RESTART_BYTES
            self.pieces.append(packet[at:end])
            self.next_offset = offset + end - at
            self.room_bytes -= end - at
            if self.room_bytes < 0:
                self._overflow()
        else:
            self._turn(packet, start, end, timestamp, offset)
        if marker and self._timestamp >= 0:
            self._on_marker()

    def extension(self, profile: int, data: bytes) -> None:
        """The RTP header extension of the payload that is pushed next; others than ONVIF's are passed over."""
        if profile == FIRST_EXTENSION:
            self._extension, self._extended = data, True
        elif profile == NEXT_EXTENSION and self._extended:
            self._extension += data
            if len(self._extension) > MAX_EXTENSION_BYTES:
                self._extension, self._extended = b"", False

    def lost(self) -> None:
        """Packets went missing before the next push: a picture in progress is dropped."""
        self._extension, self._extended = b"", False
        if self._timestamp >= 0:
            self._drop()

    def flush(self) -> None:
        """Nothing more comes of the open picture: it is whole if nothing but the next one would have ended it."""
        if self.awaits_timestamp:
            self._close()
        elif self._timestamp >= 0:
            self._drop()

    def _push_short(self, size: int, marker: bool) -> None:
        """An empty payload keeps a NAT open, or carries nothing but an extension; a few bytes are no header."""
        if size:
            self.refused_payloads += 1
        elif marker and self._timestamp >= 0:
            self._on_marker()

    def _turn(self, packet: memoryview, start: int, end: int, timestamp: int, offset: int) -> None:
        """A payload that does not simply go on with the open picture."""
        if self._timestamp >= 0:
            if offset:
                # Nothing was lost, and yet a piece is missing: the camera's own doing.
                self._drop()
            else:
                self._unmarked_units += 1
                self._close()
        if offset == 0:
            self._begin(packet, start, end, timestamp)
        elif (timestamp, offset) == self._ended:
            self._on_early_marker()

    def _on_early_marker(self) -> None:
        """The picture that ended goes on: its marker was wrong."""
        self._early_markers += 1
        if self._early_markers >= EARLY_MARKERS_PROVE and self._units <= EARLY_MARKERS_SOUGHT_UNITS:
            self.marker_policy = MarkerPolicy.IGNORE

    def _begin(self, packet: memoryview, start: int, end: int, timestamp: int) -> None:
        """The first payload of a picture: its header is made."""
        shape = bytes(packet[start + 4 : start + HEADER_BYTES])
        at = start + HEADER_BYTES
        interval = 0
        if shape[0] & RESTARTS:
            if at + RESTART_BYTES > end:
                self._refuse()
                return
            interval = packet[at] << 8 | packet[at + 1]
            at += RESTART_BYTES
        in_band, at = self._read_tables(packet, at, end, shape[1])
        if in_band is None:
            self._refuse()
            return
        if at == end:
            return  # an extension that goes on in the next packet, which tells all this again
        extension = self._extension if self._extended else None
        self._extension, self._extended = b"", False
        key = shape, interval, in_band, extension
        if self._made is None or self._made[0] != key:
            made = self._make_header(shape, interval, in_band, extension)
            if made is None:
                self._refuse()
                return
            self._made = key, made
        self.pieces = [self._made[1], packet[at:end]]
        self.next_offset = end - at
        self._timestamp = timestamp
        self.room_bytes = self._max_unit_bytes - len(self._made[1]) - len(EOI) - self.next_offset
        if self.room_bytes < 0:
            self._overflow()

    def _read_tables(self, packet: memoryview, at: int, end: int, quality: int) -> tuple[tuple[int, bytes] | None, int]:
        """(precisions and tables as they came, offset of what follows); None when they are damaged.

        RFC 2435 3.1.8. (0, b"") where the payload carries none.
        """
        if quality < _TABLES_IN_BAND:
            return (0, b""), at
        if at + _TABLES_BYTES > end:
            return None, end
        _, precision, size = _TABLES.unpack_from(packet, at)
        at += _TABLES_BYTES
        if at + size > end:
            return None, end
        return (precision if size else 0, bytes(packet[at : at + size])), at + size

    def _make_header(
        self, shape: bytes, interval: int, in_band: tuple[int, bytes], extension: bytes | None
    ) -> bytes | None:
        """Everything in front of the scan; None when the payload does not tell enough, or what we do not know.

        extension: of ONVIF; its segments stand for themselves, and what they leave out is as RFC 2435 has it
        """
        given: dict[int, bytes] = {}
        first = b""
        if extension is not None:
            for marker, at, end in jpeg.segments(extension):
                kind = Marker.SOF0 if jpeg.is_frame(marker) else marker
                if kind in _KINDS:
                    given[kind] = given.get(kind, b"") + extension[at:end]
                else:
                    first += extension[at:end]
        kind, quality, across, down = shape
        kind &= ~RESTARTS
        tables = self._tables_of(quality, *in_band)
        if Marker.DQT not in given:
            if quality == 0 and extension is not None and Marker.DQT in self._inherited:
                given[Marker.DQT] = self._inherited[Marker.DQT]
            elif tables is None:
                return None
            else:
                given[Marker.DQT] = jpeg.quantization_segment(tables)
        if Marker.DHT not in given:
            inherited = self._inherited.get(Marker.DHT) if extension is not None else None
            given[Marker.DHT] = inherited or jpeg.STANDARD_HUFFMAN
        if Marker.DRI not in given and interval:
            given[Marker.DRI] = jpeg.restart_segment(interval)
        if Marker.SOF0 not in given:
            if across == down == 0 and extension is not None and Marker.SOF0 in self._inherited:
                given[Marker.SOF0] = self._inherited[Marker.SOF0]
            else:
                width, height = map(_side, (across, down), self._announced)
                if kind >= len(_LUMA) or not width or not height:
                    return None
                chroma_table = 1 if tables is None or len(tables) > 1 else 0
                given[Marker.SOF0] = jpeg.frame_segment(width, height, luma=_LUMA[kind], chroma_table=chroma_table)
        given.setdefault(Marker.SOS, jpeg.STANDARD_SCAN)
        if extension is not None:
            self._inherited = {kind: given[kind] for kind in (Marker.DQT, Marker.DHT, Marker.SOF0)}
        return SOI + (first or jpeg.JFIF) + b"".join(given[kind] for kind in _KINDS if kind in given)

    def _tables_of(self, quality: int, precision: int, data: bytes) -> list[bytes] | None:
        """The quantisation tables that Q means (RFC 2435 4.2); None: it is reserved, or nobody told them."""
        if quality < _TABLES_IN_BAND:
            return list(jpeg.quantization_tables(quality)) if 1 <= quality <= 99 else None
        if not data:
            return self._tables.get(quality)
        tables = jpeg.split_tables(data, precision)
        if tables is not None and quality != _TABLES_CHANGE:
            self._tables[quality] = tables
        return tables

    def _on_marker(self) -> None:
        self._markers += 1
        if self.marker_policy is MarkerPolicy.TRUST:
            self._ended = self._timestamp, self.next_offset
            self._close()

    def _close(self) -> None:
        """The open picture goes to the sink."""
        pieces, timestamp = self.pieces, self._timestamp
        end = b"".join(bytes(piece[-len(EOI) :]) for piece in pieces[-2:])
        if not end.endswith(EOI):
            pieces.append(EOI)  # senders may leave it away (RFC 2435 3.1.9 shows none)
        self._forget()
        self._units += 1
        self._sink(timestamp, (b"".join(pieces),), True, False)

    def _drop(self) -> None:
        self.lost_units += 1
        self._forget()

    def _overflow(self) -> None:
        self.oversized_units += 1
        self._forget()

    def _refuse(self) -> None:
        self.refused_payloads += 1
        self._extension, self._extended = b"", False

    def _forget(self) -> None:
        self.pieces = []
        self._timestamp = -1


#: The segments of a header that is made, in their order.
_KINDS = (Marker.DQT, Marker.DHT, Marker.DRI, Marker.SOF0, Marker.SOS)
#: What an extension of ours tells beside the frame and the scan; JFIF knows the aspect of pixels.
_TOLD = (Marker.APP0, Marker.DQT, Marker.DHT, Marker.DRI)


def _side(blocks: int, announced: int) -> int:
    """A side in pixels: the header rounds up to blocks of 8, or says 0 where it has no room for the number."""
    if not blocks or (announced + 7) // 8 == blocks:
        return min(announced, jpeg.MAX_SIDE)
    return 8 * blocks


def header_extension(picture: bytes) -> bytes:
    """The RTP header extension that the first packet of a picture needs, whole; b"" where RFC 2435 tells all of it.

    ONVIF Streaming Specification, "JPEG over RTP": the segments in front of the scan, but for what applications put
    there. `packetize` leaves room for it.
    """
    try:
        header = jpeg.parse_header(picture)
    except RemoteProtocolError:
        return b""
    if _type_of(header) is not None and not _is_large(header):
        return b""
    return _extension_of(picture)


def _extension_of(picture: bytes) -> bytes:
    found = [(marker, picture[at:end]) for marker, at, end in jpeg.segments(picture)]
    told = b"".join(data for marker, data in found[:-1] if jpeg.is_frame(marker) or marker in _TOLD)
    scan = found[-1][1]
    # SOS must stand last; fill bytes may stand before any marker (T.81 B.1.1.2).
    told += b"\xff" * (-(len(told) + len(scan)) % 4) + scan
    return _EXTENSION_HEAD.pack(FIRST_EXTENSION, len(told) // 4) + told


def packetize(parts: Sequence[bytes], max_payload_bytes: int) -> list[bytes]:
    """RTP payloads of one picture, in order; the last gets the marker (RFC 2435 3).

    Quantisation tables go in band with every picture (Q 255). A picture that RFC 2435 cannot tell (not baseline with
    standard Huffman tables and 4:2:0 or 4:2:2, or larger than 2040) needs its `header_extension`, for which there is
    room in the first packet. One of 16 MiB, or with headers beyond a packet, is left out.
    max_payload_bytes: at least 300, as header and tables must stand in the first one
    """
    if max_payload_bytes < 300:
        raise ValueError(f"max_payload_bytes is {max_payload_bytes}; header and quantisation tables need 300")
    payloads: list[bytes] = []
    for picture in parts:
        try:
            header = jpeg.parse_header(picture)
        except RemoteProtocolError:
            continue
        if len(picture) - header.scan_at <= _OFFSET_MASK:
            payloads += _fragments(picture, header, max_payload_bytes)
    return payloads


def _is_large(header: Header) -> bool:
    return header.width > MAX_SIDE or header.height > MAX_SIDE


def _type_of(header: Header) -> int | None:
    """The type that tells what this is (RFC 2435 4.1), without restart markers; None when there is none."""
    if not header.baseline or not header.standard_huffman or len(header.sampling) != 3:
        return None
    (luma, luma_table), cb, cr = header.sampling
    if luma not in _LUMA or cb != cr or cb[0] != 0x11 or not {luma_table, cb[1]} <= header.tables.keys():
        return None
    return _LUMA.index(luma)


def _fragments(picture: bytes, header: Header, max_payload_bytes: int) -> list[bytes]:
    kind, large = _type_of(header), _is_large(header)
    extension_bytes = len(_extension_of(picture)) if kind is None or large else 0
    if kind is None:
        kind = 1  # the frame in the extension counts
    tables = [header.tables[number] for _, number in header.sampling[:2] if number in header.tables]
    precision = sum((len(table) > jpeg.TABLE_BYTES) << number for number, table in enumerate(tables))
    data = b"".join(tables)
    between = b""
    if header.restart_interval:
        kind |= RESTARTS
        between = _RESTART.pack(header.restart_interval, _WHOLE_FRAME)
    across, down = (0, 0) if large else ((header.width + 7) // 8, (header.height + 7) // 8)
    shape = bytes((kind, _TABLES_CHANGE, across, down)) + between
    at, end = header.scan_at, len(picture)
    if picture.endswith(EOI):
        end -= len(EOI)
    first = bytes(4) + shape + _TABLES.pack(0, precision, len(data)) + data
    step = max_payload_bytes - extension_bytes - len(first)
    if step <= 0:
        return []
    payloads = [first + picture[at : min(at + step, end)]]
    scan, at = at, at + step
    step = max_payload_bytes - 4 - len(shape)
    pack = struct.Struct(f"!I{len(shape)}s").pack
    payloads += [pack(at - scan, shape) + picture[at : at + step] for at in range(at, end - step, step)]
    at += (len(payloads) - 1) * step
    if at < end:
        payloads.append(pack(at - scan, shape) + picture[at:end])
    return payloads
