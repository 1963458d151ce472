"""Debian's Chromium with the page in it, and the bridge that is made up for it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.interop.conftest import needs

ARGUMENTS = ["--autoplay-policy=no-user-gesture-required", "--no-sandbox", "--mute-audio"]
"""No sandbox: Chromium refuses to run as root with one, and nothing but our own page is opened."""

READ_CLOCK = """
(video) => {
  if (!video.videoWidth) return null;
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(video, 0, 0);
  const cell = Math.floor(canvas.width / 52);
  const strip = Math.max(8, 2 * Math.floor(canvas.height / 60));
  const row = context.getImageData(0, strip / 2, canvas.width, 1).data;
  const bits = Array.from({ length: 52 }, (_, i) => (row[4 * (i * cell + (cell >> 1)) + 1] > 126 ? "1" : "0")).join("");
  return bits.startsWith("10") && bits.endsWith("01") ? parseInt(bits.slice(2, -2), 2) : null;
}
"""
"""The time that bridge.sim.picture painted, in milliseconds; null: there is none in what is shown."""


class FakeBridge:
    """tests/client/fake_bridge.py in a process of its own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.client.fake_bridge"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.address = self._line()

    def order(self, line: str) -> None:
        """Done when it returns."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        assert self._line() == f"done {line}"

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def chromium() -> Iterator[Any]:
    """Playwright's browser."""
    path = needs("chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def log_in(page: Any, address: str, user: str = "anna", password: str = "anna-pass") -> None:
    """From the log-in page to the grid."""
    page.goto(address)
    page.fill("input[name=username]", user)
    page.fill("input[name=password]", password)
    page.click("button[type=submit]")
    page.wait_for_selector(".tile")


def painted(page: Any, tile: int = 0) -> int | None:
    """What the picture of a tile says of its time, milliseconds."""
    video = page.locator(".tile video").nth(tile)
    found: int | None = video.evaluate(READ_CLOCK)
    return found
