"""G.711 as FLAC (RFC 9639): each unit one frame, its samples verbatim. Lossless, and browsers play FLAC in MP4.

A frame of verbatim samples is a look-up: a byte of G.711 is one of 256 linear values of 16 bits (ITU-T G.711).
"""

import struct
from array import array
from functools import lru_cache

from bridge.base.media import Codec, Track

MAX_BLOCK_SAMPLES = 4608
"""Of one frame and channel; units of G.711 are far below it."""

MIN_BLOCK_SAMPLES = 16
MAX_CHANNELS = 8

_SYNC_VARIABLE = 0xFFF9
"""Blocks differ in size, as cameras' packets do: frames are numbered by their first sample."""

_BLOCK_IN_16_BITS = 7
_RATES = {8000: 4, 16000: 5, 22050: 6, 24000: 7, 32000: 8, 44100: 9, 48000: 10}
_RATE_OF_STREAMINFO = 0
_SIXTEEN_BITS = 4
_VERBATIM = b"\x02"
_STREAMINFO = struct.Struct("!HH6xQ16x")
_LENGTH = struct.Struct("!H")
_LAST_BLOCK_STREAMINFO = 0x80


def stream_info(track: Track) -> bytes:
    """The metadata block of a `dfLa` box: STREAMINFO (RFC 9639 8.2), with its header. Frame sizes are not known: 0."""
    described = track.clock_rate << 44 | track.channels - 1 << 41 | 15 << 36
    block = _STREAMINFO.pack(MIN_BLOCK_SAMPLES, MAX_BLOCK_SAMPLES, described)
    return bytes((_LAST_BLOCK_STREAMINFO, *len(block).to_bytes(3))) + block


def frame(track: Track, data: bytes, sample: int) -> bytes:
    """One frame (RFC 9639 9).

    data:   G.711 of that track, its channels interleaved
    sample: number of its first one; its lower 31 bits are told
    Raises ValueError: longer than MAX_BLOCK_SAMPLES, or no whole samples.
    """
    channels = track.channels
    count, rest = divmod(len(data), channels)
    if rest or not 0 < count <= MAX_BLOCK_SAMPLES or channels > MAX_CHANNELS:
        raise ValueError(f"{len(data)} bytes of {channels} channels; 1 to {MAX_BLOCK_SAMPLES} whole samples expected")
    rate = _RATES.get(track.clock_rate, _RATE_OF_STREAMINFO)
    head = struct.pack(
        "!HBB", _SYNC_VARIABLE, _BLOCK_IN_16_BITS << 4 | rate, channels - 1 << 4 | _SIXTEEN_BITS << 1
    ) + _coded(sample & 0x7FFFFFFF)
    head += _LENGTH.pack(count - 1)
    body = [head, bytes((_crc_8(head),))]
    high, low = _bytes_of(track.codec)
    for channel in range(channels):
        mine = data[channel::channels]
        samples = bytearray(2 * count)
        samples[0::2], samples[1::2] = mine.translate(high), mine.translate(low)
        body += (_VERBATIM, bytes(samples))
    whole = b"".join(body)
    return whole + _LENGTH.pack(_crc_16(whole))


@lru_cache
def linear(codec: Codec) -> tuple[int, ...]:
    """The value of 16 bits that each byte of G.711 stands for (ITU-T G.711 tables 1 and 2, scaled to 16 bits)."""
    return tuple(map(_of_a_law if codec is Codec.PCMA else _of_mu_law, range(256)))


def _of_mu_law(byte: int) -> int:
    byte = ~byte & 0xFF
    magnitude = ((byte & 0x0F) << 3 | 0x84) << (byte >> 4 & 7)
    return 0x84 - magnitude if byte & 0x80 else magnitude - 0x84


def _of_a_law(byte: int) -> int:
    byte ^= 0x55
    segment = byte >> 4 & 7
    magnitude = (byte & 0x0F) << 4 | 8
    if segment:
        magnitude = (magnitude | 0x100) << segment - 1
    return magnitude if byte & 0x80 else -magnitude


@lru_cache
def _bytes_of(codec: Codec) -> tuple[bytes, bytes]:
    """Tables for `translate`: the high byte of each value, and the low one."""
    values = [value & 0xFFFF for value in linear(codec)]
    return bytes(value >> 8 for value in values), bytes(value & 0xFF for value in values)


def _coded(number: int) -> bytes:
    """As UTF-8 would write it, up to 31 bits (RFC 9639 9.1.5)."""
    if number < 0x80:
        return bytes((number,))
    groups = []
    left = 0x3F  # what the first byte has room for
    while number > left:
        groups.append(0x80 | number & 0x3F)
        number >>= 6
        left >>= 1
    lead = 0xFF << 7 - len(groups) & 0xFF
    return bytes((lead | number, *reversed(groups)))


@lru_cache
def _crc_table(bits: int, polynomial: int) -> "array[int]":
    """Of `bits` wide words, the next word whole: it is linear, so each doubling of the table is one addition."""
    top, mask = 1 << bits - 1, (1 << bits) - 1
    table = array("H", [0])
    value = polynomial
    for _ in range(bits):
        table.extend([value ^ other for other in table])
        value = (value << 1 ^ (polynomial if value & top else 0)) & mask
    return table


def _crc_8(data: bytes) -> int:
    table, crc = _crc_table(8, 0x07), 0
    for byte in data:
        crc = table[crc ^ byte]
    return crc


def _crc_16(data: bytes) -> int:
    """Two bytes a step; a zero in front of an odd number of them changes nothing."""
    table, crc = _crc_table(16, 0x8005), 0
    if len(data) & 1:
        data = b"\0" + data
    for word in struct.unpack(f"!{len(data) // 2}H", data):
        crc = table[crc ^ word]
    return crc
