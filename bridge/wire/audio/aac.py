"""AAC in RTP (RFC 3640, mode AAC-hbr) both ways, and its AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1).

One access unit is one AAC frame. Interleaving (AU-Index other than 0) is refused and counted: no camera uses it.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.base.errors import RemoteProtocolError
from bridge.wire.access_units import UnitSink
from bridge.wire.bits import BitReader

#: Of RFC 3640 3.3.6: a frame's size has 13 bits, its index 3; AU headers of 16 bits, counted in bits.
SIZE_BITS, INDEX_BITS = 13, 3
MAX_FRAME_BYTES = (1 << SIZE_BITS) - 1

#: Samples of one frame; frames of 960 are told in AudioSpecificConfig.
FRAME_SAMPLES = 1024

_TIMESTAMP_MASK = 0xFFFFFFFF
_ESCAPE = 31
_EXPLICIT_RATE = 15
_SBR, _PS = 5, 29
#: Object types that GASpecificConfig describes (table 1.15), of those that AAC streams use.
_GENERAL_AUDIO = frozenset({1, 2, 3, 4, 6, 7, 17, 19, 20, 21, 22, 23})

_SAMPLE_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
#: By channelConfiguration; 0 means that a program config element tells, which we do not read.
_CHANNELS = (0, 1, 2, 3, 4, 5, 6, 8, 0, 0, 0, 7, 8, 0, 8, 0)

_HEADERS_LENGTH = struct.Struct("!H")


@dataclass(frozen=True, slots=True)
class AudioSpecificConfig:
    """What we read of it.

    object_type:   2 for AAC-LC; of the core codec when SBR or PS is signalled in front
    sample_rate:   of the core codec, in Hz
    output_rate:   after spectral band replication; else the same
    channels:      0 when a program config element tells
    frame_samples: of one frame at `sample_rate`: 1024 or 960
    """

    object_type: int
    sample_rate: int
    output_rate: int
    channels: int
    frame_samples: int = FRAME_SAMPLES


def parse_config(config: bytes) -> AudioSpecificConfig:
    """Raises RemoteProtocolError."""
    reader = BitReader(config[:64], name="AudioSpecificConfig")
    object_type = _object_type(reader)
    sample_rate = output_rate = _sample_rate(reader)
    channels = _CHANNELS[reader.bits(4)]
    if object_type in (_SBR, _PS):
        output_rate = _sample_rate(reader)
        object_type = _object_type(reader)
    # frameLengthFlag is the first bit of GASpecificConfig; configurations that end before it do exist.
    short = object_type in _GENERAL_AUDIO and reader.left > 0 and reader.flag()
    return AudioSpecificConfig(object_type, sample_rate, output_rate, channels, 960 if short else FRAME_SAMPLES)


def encode_config(sample_rate: int, channels: int, object_type: int = 2) -> bytes:
    """AudioSpecificConfig of plain AAC: for streams whose SDP has none. Raises ValueError."""
    if sample_rate not in _SAMPLE_RATES or channels not in _CHANNELS[1:]:
        raise ValueError(f"AAC of {sample_rate} Hz and {channels} channels has no short configuration")
    index = _CHANNELS.index(channels, 1)
    return (object_type << 11 | _SAMPLE_RATES.index(sample_rate) << 7 | index << 3).to_bytes(2, "big")


def _object_type(reader: BitReader) -> int:
    object_type = reader.bits(5)
    return 32 + reader.bits(6) if object_type == _ESCAPE else object_type


def _sample_rate(reader: BitReader) -> int:
    index = reader.bits(4)
    if index == _EXPLICIT_RATE:
        rate = reader.bits(24)
    elif index < len(_SAMPLE_RATES):
        rate = _SAMPLE_RATES[index]
    else:
        rate = 0
    if not rate:
        raise RemoteProtocolError(
            f"AudioSpecificConfig: samplingFrequencyIndex {index}", clause="ISO/IEC 14496-3 1.6.3.3"
        )
    return rate


class Depacketizer:
    """RTP payloads of one AAC track, in order -> frames, each an access unit of its own, whole or not delivered at all.

    frame_ticks: length of a frame in units of the RTP clock; several frames of one packet lie so far apart
    """

    #: Nothing is held for a marker: a frame in fragments ends by its size, whatever the marker says.
    awaits_timestamp = False

    def __init__(self, sink: UnitSink, *, frame_ticks: int = FRAME_SAMPLES) -> None:
        self.refused_payloads = 0
        self._sink = sink
        self._frame_ticks = frame_ticks
        self._fragments = bytearray()
        self._fragments_size = 0
        self._fragments_timestamp = 0

    @property
    def open(self) -> bool:
        """Whether the beginning of a frame waits for its rest."""
        return self._fragments_size > 0

    def push(self, packet: memoryview, start: int, end: int, timestamp: int, marker: bool) -> None:
        """The payload packet[start:end], which must be the next in sequence unless `lost` was called before."""
        if end - start < 2:
            return
        count, rest = divmod(packet[start] << 8 | packet[start + 1], SIZE_BITS + INDEX_BITS)
        data = start + 2 + 2 * count
        if rest or not count or data > end:
            self._refuse()
            return
        for at in range(start + 2, data, 2):
            size, index = divmod(packet[at] << 8 | packet[at + 1], 1 << INDEX_BITS)
            if index or not size:
                self._refuse()
            elif data + size <= end:
                self._clear_fragments()
                self._sink(timestamp, (bytes(packet[data : data + size]),), True, False)
            elif count == 1:
                self._push_fragment(packet[data:end], size, timestamp)
            else:
                # Only a frame alone in its packet may go on in the next (RFC 3640 3.2.3).
                self._refuse()
            data += size
            timestamp = timestamp + self._frame_ticks & _TIMESTAMP_MASK

    def _push_fragment(self, data: memoryview, size: int, timestamp: int) -> None:
        """A piece of a frame: the AU header of each tells the size of the whole frame (RFC 3640 3.2.1.1).

        A frame with a fragment missing never reaches its size, and is dropped when the next frame comes.
        """
        if self._fragments_size != size or self._fragments_timestamp != timestamp:
            self._clear_fragments()
            self._fragments_size, self._fragments_timestamp = size, timestamp
        self._fragments += data
        if len(self._fragments) >= size:
            frame = bytes(self._fragments)
            self._clear_fragments()
            if len(frame) == size:
                self._sink(timestamp, (frame,), True, False)
            else:
                self._refuse()

    def lost(self) -> None:
        """Packets went missing before the next push: a frame in fragments is dropped."""
        self._clear_fragments()

    def flush(self) -> None:
        """Drops a frame whose rest will not come: no decoder takes a part."""
        self._clear_fragments()

    def _refuse(self) -> None:
        self.refused_payloads += 1
        self._clear_fragments()

    def _clear_fragments(self) -> None:
        self._fragments.clear()
        self._fragments_size = 0


def packetize(parts: Sequence[bytes], max_payload_bytes: int) -> list[bytes]:
    """RTP payloads of one access unit: its frame in one packet, or in fragments (RFC 3640 3.2.1, 3.3.6).

    max_payload_bytes: at least 5. Frames beyond MAX_FRAME_BYTES cannot be told in 13 bits and are left out.
    """
    if max_payload_bytes < 5:
        raise ValueError(f"max_payload_bytes is {max_payload_bytes}; AU headers and a byte of data need 5")
    payloads: list[bytes] = []
    for frame in parts:
        if not 0 < len(frame) <= MAX_FRAME_BYTES:
            continue
        headers = _HEADERS_LENGTH.pack(SIZE_BITS + INDEX_BITS) + _HEADERS_LENGTH.pack(len(frame) << INDEX_BITS)
        step = max_payload_bytes - len(headers)
        payloads += [headers + frame[at : at + step] for at in range(0, len(frame), step)]
    return payloads
