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

#: Report blocks and sources of one packet: its count has five bits.
MAX_COUNT = 31

_CNAME = 1
_UNIX_EPOCH_IN_NTP_S = 2_208_988_800
_ERA_S = 1 << 32

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
    """UTC -> NTP timestamp of 64 bits; the era is cut, as NTP does."""
    seconds, ns = divmod(utc_ns, NS_PER_S)
    return ((seconds + _UNIX_EPOCH_IN_NTP_S) << 32) + ((ns << 32) // NS_PER_S) & 0xFFFFFFFFFFFFFFFF


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
    """The packets of a compound that we know. Raises RemoteProtocolError when `data` is not RTCP from its first byte."""
    raise NotImplementedError


def encode(packets: Iterable[RtcpPacket]) -> bytes:
    """One compound. RFC 3550 6.1 wants a report first and an SDES with the CNAME in each: the caller's order counts."""
    raise NotImplementedError
