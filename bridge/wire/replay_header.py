"""The RTP header extension of replayed footage (ONVIF Streaming Specification, "RTP header extension"), both ways.

It stands in the first packet of each access unit and says when the unit was captured and how it hangs together with
what was sent before it. Where it goes in a packet is left to `wire/rtp`, what the flags are to `recorder/replay`.
"""

import struct
from dataclasses import dataclass

from bridge.base.errors import RemoteProtocolError
from bridge.wire.rtcp import ntp_to_utc_ns, utc_ns_to_ntp

PROFILE = 0xABAC

#: What stands behind the profile and the count of words. JPEG headers may follow it (they are counted as well).
WORDS_BYTES = 12

#: All of it: profile, count of words, words.
EXTENSION_BYTES = 4 + WORDS_BYTES

_CLEAN, _END, _DISCONTINUITY, _TERMINAL = 0x80, 0x40, 0x20, 0x10
_CLAUSE = "ONVIF Streaming, RTP header extension"

_EXTENSION = struct.Struct("!HHQBBH")
_WORDS = struct.Struct("!QBBH")


@dataclass(frozen=True, slots=True)
class ReplayHeader:
    """What it says of one access unit.

    utc_ns:        capture time
    clean:         C: decoding may start here
    end:           E: the last before a gap of the recording, or of all footage
    discontinuity: D: it does not follow on what was sent before
    terminal:      T: nothing more of this track comes in this direction
    cseq:          of the PLAY that it is sent for; its low 8 bits are sent
    """

    utc_ns: int
    clean: bool
    end: bool
    discontinuity: bool
    terminal: bool
    cseq: int

    def encode(self) -> bytes:
        """All EXTENSION_BYTES, which follow the fixed RTP header."""
        flags = (
            (_CLEAN if self.clean else 0)
            | (_END if self.end else 0)
            | (_DISCONTINUITY if self.discontinuity else 0)
            | (_TERMINAL if self.terminal else 0)
        )
        words = WORDS_BYTES // 4
        return _EXTENSION.pack(PROFILE, words, utc_ns_to_ntp(self.utc_ns), flags, self.cseq & 0xFF, 0)

    @classmethod
    def parse(cls, profile: int, words: bytes) -> "ReplayHeader":
        """From what `wire.rtp.parse_extension` returns. Bits that must be zero are not looked at.

        Raises RemoteProtocolError.
        """
        if profile != PROFILE:
            raise RemoteProtocolError(f"header extension 0x{profile:04X} instead of 0x{PROFILE:04X}", clause=_CLAUSE)
        if len(words) < WORDS_BYTES:
            raise RemoteProtocolError(f"header extension of {len(words)} bytes instead of 12", clause=_CLAUSE)
        ntp, flags, cseq, _ = _WORDS.unpack_from(words)
        return cls(
            ntp_to_utc_ns(ntp),
            bool(flags & _CLEAN),
            bool(flags & _END),
            bool(flags & _DISCONTINUITY),
            bool(flags & _TERMINAL),
            cseq,
        )


def followed_by(extension: bytes, more: bytes) -> bytes:
    """An encoded `ReplayHeader` with another header extension behind it, as JPEG has one, counted among its words.

    ONVIF Streaming Specification, "Compatibility with the JPEG header extension".
    """
    words = (len(extension) + len(more)) // 4 - 1
    return extension[:2] + words.to_bytes(2, "big") + extension[4:] + more
