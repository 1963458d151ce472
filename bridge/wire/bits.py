"""Bit fields as H.264, H.265 and MPEG-4 audio write them: fixed length, Exp-Golomb, emulation prevention.

Reading is bounded: at most MAX_RBSP_BYTES are looked at, and every field that lies beyond the data is an error.
"""

from bridge.base.errors import RemoteProtocolError

#: The longest parameter set that real encoders write (all scaling lists, 64 reference picture sets) is far shorter.
MAX_RBSP_BYTES = 8192


def unescape(nal: bytes) -> bytes:
    """A NAL unit without its emulation prevention bytes (H.264 7.3.1, H.265 7.3.1.1), cut at MAX_RBSP_BYTES."""
    return bytes(nal[:MAX_RBSP_BYTES]).replace(b"\0\0\3", b"\0\0")


class BitReader:
    """Reads fields from the first bit on. Every method raises RemoteProtocolError at the end of the data."""

    def __init__(self, data: bytes, *, name: str, first_byte: int = 0) -> None:
        """name: of the structure, for errors; first_byte: where to begin."""
        self._data = data
        self._name = name
        self._at = 8 * first_byte
        self._end = 8 * len(data)

    @property
    def left(self) -> int:
        """Bits not read yet."""
        return self._end - self._at

    def bits(self, count: int) -> int:
        """u(count): the next `count` bits, highest first."""
        at = self._at
        end = at + count
        if end > self._end:
            raise RemoteProtocolError(f"{self._name}: {count} bits asked for at bit {at} of {self._end}")
        self._at = end
        last = (end + 7) >> 3
        return int.from_bytes(self._data[at >> 3 : last], "big") >> (8 * last - end) & ((1 << count) - 1)

    def flag(self) -> bool:
        """u(1)."""
        return self.bits(1) == 1

    def skip(self, count: int) -> None:
        """Passes over `count` bits."""
        if count > self.left:
            raise RemoteProtocolError(f"{self._name}: {count} bits passed over at bit {self._at} of {self._end}")
        self._at += count

    def ue(self) -> int:
        """ue(v): an unsigned Exp-Golomb number, at most 2^32 - 2 (H.264 9.1, H.265 9.2)."""
        zeros = 0
        while not self.bits(1):
            zeros += 1
            if zeros > 31:
                raise RemoteProtocolError(f"{self._name}: Exp-Golomb number of more than 32 bits at bit {self._at}")
        return (1 << zeros) - 1 + self.bits(zeros)

    def se(self) -> int:
        """se(v): a signed Exp-Golomb number (H.264 9.1.1)."""
        number = self.ue()
        return (number + 1) >> 1 if number & 1 else -(number >> 1)

    def ue_up_to(self, limit: int, field: str) -> int:
        """ue(v) that the standard bounds by `limit`: a hostile count must not become a loop."""
        number = self.ue()
        if number > limit:
            raise RemoteProtocolError(f"{self._name}: {field} is {number}; at most {limit} is allowed")
        return number
