"""Draws the picture of a simulated camera: a scene, a moving ball, and a clock that people and programs can read.

The first rows hold the capture time as a strip of black and white cells: two guard cells (white, black), 48 bits of UTC
milliseconds with the highest first, two guard cells (black, white). Cells are wide enough to survive any encoder, so a
test or a benchmark measures how far behind live a *shown* picture is (`read_clock`).
"""

from bridge.base.time import NS_PER_MS, format_utc
from bridge.sim.font import HEIGHT, WIDTH, rows_of

CLOCK_BITS = 48
CELLS = CLOCK_BITS + 4

BLACK, WHITE = 16, 235


def strip_height(height: int) -> int:
    """Rows that the clock strip covers in a picture of `height` rows."""
    return max(8, height // 30 // 2 * 2)


class Picture:
    """Pictures of one camera in one size, yuv420p, as three planes with the strides that the encoder wants."""

    def __init__(self, name: str, width: int, height: int, hue: int, strides: tuple[int, int, int]) -> None:
        """
        name:    shown in the picture
        hue:     0 to 255; tells the cameras apart at a glance
        strides: bytes a row of the Y, U and V planes
        """
        self._width, self._height = width, height
        self._strides = strides
        self._scale = max(2, width // 160)
        self._luma = self._background(name)
        chroma_rows = height // 2
        # Two colours that lie opposite each other, fading into grey downwards.
        self.u = b"".join(
            bytes((128 + (hue - 128) * (chroma_rows - y) // chroma_rows,)) * strides[1] for y in range(chroma_rows)
        )
        self.v = b"".join(bytes((128 - (hue - 128) * y // chroma_rows,)) * strides[2] for y in range(chroma_rows))

    def draw(self, utc_ns: int, number: int) -> bytearray:
        """The Y plane of picture `number`, taken at `utc_ns`."""
        luma = bytearray(self._luma)
        self._draw_ball(luma, number)
        self._draw_strip(luma, utc_ns // NS_PER_MS)
        text = format_utc(utc_ns)
        scale = self._scale
        top = self._height - (HEIGHT + 4) * scale
        self._write(luma, text[:10], self._width // 16, top - (HEIGHT + 3) * scale, scale)
        self._write(luma, text[11:23], self._width // 16, top, scale)
        return luma

    def _background(self, name: str) -> bytes:
        stride, width, height = self._strides[0], self._width, self._height
        rows = bytearray()
        for y in range(height):
            shade = 40 + 90 * y // height
            row = bytearray((shade,)) * stride
            if y % (height // 9) < 2:
                row[:width] = bytes((shade + 25,)) * width
            rows += row
        # A skyline, so that there is something to look at.
        for tower in range(11):
            left = tower * width // 11 + width // 60
            top = height // 2 - (tower * 37 % 11) * height // 36
            for y in range(top, height * 3 // 4):
                lit = (y - top) % max(6, height // 40) < max(2, height // 120)
                rows[y * stride + left : y * stride + left + width // 15] = bytes((150 if lit else 62,)) * (width // 15)
        scale = self._scale * 3 // 2
        self._write(rows, name, width // 16, strip_height(height) + 3 * scale, scale)
        return bytes(rows)

    def _write(self, luma: bytearray, text: str, left: int, top: int, scale: int) -> None:
        stride = self._strides[0]
        box = bytes((BLACK + 12,)) * min((WIDTH + 1) * scale * len(text) + scale, self._width - left)
        for y in range(top - scale, top + (HEIGHT + 1) * scale):
            luma[y * stride + left - scale : y * stride + left - scale + len(box)] = box
        for number, runs in enumerate(rows_of(text, scale)):
            for y in range(top + number * scale, top + (number + 1) * scale):
                start = y * stride + left
                for column, length in runs:
                    luma[start + column : start + column + length] = bytes((WHITE,)) * length

    def _draw_ball(self, luma: bytearray, number: int) -> None:
        stride, width, height = self._strides[0], self._width, self._height
        radius = height // 14
        span_x, span_y = width - 4 * radius, height // 3
        # Triangle waves: a ball that bounces between walls.
        x = 2 * radius + abs(number * width // 150 % (2 * span_x) - span_x)
        y = height // 3 + abs(number * height // 110 % (2 * span_y) - span_y)
        for dy in range(-radius, radius):
            half = int((radius * radius - dy * dy) ** 0.5)
            start = (y + dy) * stride + x - half
            luma[start : start + 2 * half] = bytes((200,)) * (2 * half)

    def _draw_strip(self, luma: bytearray, utc_ms: int) -> None:
        cell = self._width // CELLS
        bits = f"10{utc_ms & (1 << CLOCK_BITS) - 1:0{CLOCK_BITS}b}01"
        row = b"".join(bytes((WHITE if bit == "1" else BLACK,)) * cell for bit in bits)
        stride = self._strides[0]
        for y in range(strip_height(self._height)):
            luma[y * stride : y * stride + len(row)] = row


def read_clock(luma: bytes | memoryview, stride: int, width: int, height: int) -> int | None:
    """UTC milliseconds in the strip of a decoded Y plane; None when there is no strip in it."""
    cell = width // CELLS
    start = strip_height(height) // 2 * stride + cell // 2
    bits = "".join("1" if luma[start + i * cell] > (BLACK + WHITE) // 2 else "0" for i in range(CELLS))
    if bits[:2] != "10" or bits[-2:] != "01":
        return None
    return int(bits[2:-2], 2)
