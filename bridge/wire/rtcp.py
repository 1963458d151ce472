"""RTCP (RFC 3550 6): sender and receiver reports, SDES and BYE, both ways, and NTP time.

Reading is lenient: packets of other types (APP, feedback, XR) are skipped, and what stands after damage is not read.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from bridge.base.errors import RemoteProtocolError
from bridge.base.time import NS_PER_S, UtcNs

SENDER_REPORT = 200
RECEIVER_REPORT = 201
SOURCE_DESCRIPTION = 202
GOODBYE = 203

#: What RFC 5761 4 leaves to RTCP, so that it can be told from RTP.
FIRST_TYPE, LAST_TYPE = 192, 223

#: Report blocks and sources of one packet: its count has five bits.
MAX_COUNT = 31

_CNAME = 1
_UNIX_EPOCH_IN_NTP_S = 2_208_988_800
_ERA_S = 1 << 32
_MASK = 0xFFFFFFFF

_HEAD = struct.Struct("!BBH")
_SENDER = struct.Struct("!IQIII")
_BLOCK = struct.Struct("!IIIIII")
_WORD = struct.Struct("!I")


def ntp_to_utc_ns(ntp: int) -> UtcNs:
    """NTP timestamp (32.32 bits since 1900) -> UTC. Times before 1968 are read as those after 2036 (RFC 4330 3)."""
    seconds, fraction = ntp >> 32, ntp & 0xFFFFFFFF
    if seconds < 1 << 31:
        seconds += _ERA_S
    return UtcNs((seconds - _UNIX_EPOCH_IN_NTP_S) * NS_PER_S + (fraction * NS_PER_S + (1 << 31) >> 32))


def utc_ns_to_ntp(utc_ns: int) -> int:
    """UTC -> NTP timestamp of 64 bits; the era is cut, as NTP does.

    Rounded up: the way back gives the same nanosecond whether it rounds or cuts, as many clients do.
    """
    seconds, ns = divmod(utc_ns, NS_PER_S)
    return ((seconds + _UNIX_EPOCH_IN_NTP_S) << 32) + (-(-(ns << 32) // NS_PER_S)) & 0xFFFFFFFFFFFFFFFF


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a receiver says of one source (RFC 3550 6.4.1).

    fraction_lost:     of 256, since the report before
    cumulative_lost:   packets since the beginning; negative when duplicates outweigh losses
    highest_sequence:  extended by the count of wraps in its upper 16 bits
    jitter:            in units of the media time
    last_sr, delay:    middle 32 bits of the last sender report's NTP time, and 1/65536 s since it came; 0 when none
    """

    ssrc: int
    fraction_lost: int = 0
    cumulative_lost: int = 0
    highest_sequence: int = 0
    jitter: int = 0
    last_sr: int = 0
    delay_since_last_sr: int = 0


@dataclass(frozen=True, slots=True)
class SenderReport:
    """A sender's wall clock and media time of one moment, and what it has sent (RFC 3550 6.4.1).

    ntp: 64 bits, as sent; 0 when the sender has no wall clock
    """

    ssrc: int
    ntp: int
    rtp_timestamp: int
    packets: int = 0
    octets: int = 0
    blocks: tuple[ReportBlock, ...] = ()

    @property
    def utc_ns(self) -> UtcNs | None:
        """The sender's wall clock; None when it says that it has none (RFC 3550 6.4.1; ONVIF replay sends zeros)."""
        return ntp_to_utc_ns(self.ntp) if self.ntp else None


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """A receiver's view of the sources that it hears (RFC 3550 6.4.2)."""

    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class Sdes:
    """A source's canonical name (RFC 3550 6.5.1). Other items are not read."""

    ssrc: int
    cname: str


@dataclass(frozen=True, slots=True)
class Bye:
    """Sources that stop sending (RFC 3550 6.6)."""

    ssrcs: tuple[int, ...]
    reason: str = ""


RtcpPacket = SenderReport | ReceiverReport | Sdes | Bye


def parse(data: bytes | memoryview) -> list[RtcpPacket]:
    """The packets of a compound that we know. Raises RemoteProtocolError when `data` does not begin as RTCP."""
    view = memoryview(data)
    packets: list[RtcpPacket] = []
    start, size = 0, len(view)
    while size - start >= _HEAD.size:
        flags, kind, words = _HEAD.unpack_from(view, start)
        if flags >> 6 != 2 or not FIRST_TYPE <= kind <= LAST_TYPE:
            break
        # A length beyond the data is taken as "to the end": what is whole inside it can still be used.
        end = start + 4 + 4 * words
        packet = _parse_body(kind, flags & 0x1F, view[start + 4 : end])
        if packet is not None:
            packets.append(packet)
        start = end
    if start == 0:
        raise RemoteProtocolError(
            f"{size} bytes that begin with {bytes(view[:4]).hex()!r} are not RTCP", clause="RFC 3550 6"
        )
    return packets


def _parse_body(kind: int, count: int, body: memoryview) -> RtcpPacket | None:
    """The packet behind its first word; None when we do not read its type or it is too short for it."""
    if kind == SENDER_REPORT and len(body) >= _SENDER.size:
        ssrc, ntp, rtp_timestamp, sent, octets = _SENDER.unpack_from(body)
        return SenderReport(ssrc, ntp, rtp_timestamp, sent, octets, _parse_blocks(count, body[_SENDER.size :]))
    if kind == RECEIVER_REPORT and len(body) >= _WORD.size:
        return ReceiverReport(_WORD.unpack_from(body)[0], _parse_blocks(count, body[_WORD.size :]))
    if kind == SOURCE_DESCRIPTION:
        return _parse_sdes(body)
    if kind == GOODBYE:
        return _parse_bye(count, body)
    return None


def _parse_blocks(count: int, body: memoryview) -> tuple[ReportBlock, ...]:
    blocks = []
    for start in range(0, min(count, len(body) // _BLOCK.size) * _BLOCK.size, _BLOCK.size):
        ssrc, loss, highest, jitter, last_sr, delay = _BLOCK.unpack_from(body, start)
        cumulative = (loss & 0xFFFFFF ^ 0x800000) - 0x800000
        blocks.append(ReportBlock(ssrc, loss >> 24, cumulative, highest, jitter, last_sr, delay))
    return tuple(blocks)


def _parse_sdes(body: memoryview) -> Sdes | None:
    """The first CNAME of the first source: peers that mix several sources in one SDES are none of ours."""
    at = _WORD.size
    while at + 2 <= len(body) and body[at]:
        end = at + 2 + body[at + 1]
        if body[at] == _CNAME:
            return Sdes(_WORD.unpack_from(body)[0], str(body[at + 2 : end], "utf-8", "replace"))
        at = end
    return None


def _parse_bye(count: int, body: memoryview) -> Bye:
    count = min(count, len(body) // _WORD.size)
    ssrcs = struct.unpack_from(f"!{count}I", body)
    reason = body[count * _WORD.size :]
    return Bye(ssrcs, str(reason[1 : 1 + reason[0]], "utf-8", "replace") if reason else "")


def encode(packets: Iterable[RtcpPacket]) -> bytes:
    """One compound. RFC 3550 6.1 wants a report first and an SDES with the CNAME in each: the caller's order counts."""
    return b"".join(map(_encode_one, packets))


def _encode_one(packet: RtcpPacket) -> bytes:
    match packet:
        case SenderReport(ssrc, ntp, rtp_timestamp, sent, octets, blocks):
            # The counters wrap (RFC 3550 6.4.1), and so does an unwrapped media time.
            sender = _SENDER.pack(ssrc, ntp, rtp_timestamp & _MASK, sent & _MASK, octets & _MASK)
            return _frame(SENDER_REPORT, len(blocks), sender + _encode_blocks(blocks))
        case ReceiverReport(ssrc, blocks):
            return _frame(RECEIVER_REPORT, len(blocks), _WORD.pack(ssrc) + _encode_blocks(blocks))
        case Sdes(ssrc, cname):
            text = cname.encode()
            # At least one null byte ends the items, and more fill the word (RFC 3550 6.5).
            return _frame(SOURCE_DESCRIPTION, 1, _WORD.pack(ssrc) + bytes((_CNAME, len(text))) + text + b"\0")
        case Bye(ssrcs, reason):
            text = reason.encode()
            tail = bytes((len(text),)) + text if text else b""
            return _frame(GOODBYE, len(ssrcs), struct.pack(f"!{len(ssrcs)}I", *ssrcs) + tail)


def _encode_blocks(blocks: Iterable[ReportBlock]) -> bytes:
    return b"".join(
        _BLOCK.pack(
            block.ssrc,
            block.fraction_lost << 24 | max(-0x800000, min(block.cumulative_lost, 0x7FFFFF)) & 0xFFFFFF,
            block.highest_sequence & _MASK,
            block.jitter & _MASK,
            block.last_sr,
            block.delay_since_last_sr & _MASK,
        )
        for block in blocks
    )


def _frame(kind: int, count: int, body: bytes) -> bytes:
    if count > MAX_COUNT:
        raise ValueError(f"RTCP type {kind} with {count} entries; one packet has room for {MAX_COUNT}")
    body += bytes(-len(body) % 4)
    return _HEAD.pack(0x80 | count, kind, len(body) // 4) + body
