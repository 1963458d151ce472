"""A person's round of the page, in Chromium, on the demo: watching, going back, taking evidence home, administering."""

import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from bridge.sim.scenes import SILENCE_S
from tests.interop.conftest import Service, eventually, free_ports, onb, onb_recordings, running
from tests.interop.web_browser import chromium, painted

pytestmark = [pytest.mark.interop, pytest.mark.timeout(400)]

WAIT_S = 60
SLACK_MS = 2_500
"""How far a picture may be from the clock on a machine that does other things too."""

FRAME_MS = 50
"""Of the demo's cameras: twenty pictures a second."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """With the gap that harbour has: it is silent from its twentieth second on."""
    folder = tmp_path_factory.mktemp("round")
    names = ("onvif", "rtsp", "http", "https")
    ports = ",".join(f"{name}={port}" for name, port in zip(names, free_ports(len(names)), strict=True))
    arguments = [
        "demo",
        "--data",
        str(folder / "data"),
        "--ports",
        f"{ports},rtsps=0",
        "--bind",
        "127.0.0.1",
        "--small",
    ]
    with running(arguments, folder, data=folder / "data") as service:
        service.wait_until_up()
        yield service


@pytest.fixture
def browser() -> Iterator[Any]:
    with chromium() as made:
        yield made


def opened(browser: Any, faults: list[str]) -> Any:
    """A page of its own, with its own cookies."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.set_default_timeout(WAIT_S * 1000)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if "Content Security" in said.text else None)
    return page


def log_in(page: Any, address: str, user: str, password: str) -> None:
    page.goto(address)
    page.fill("input[name=username]", user)
    page.fill("input[name=password]", password)
    page.click("button[type=submit]")
    page.wait_for_selector(".tile")


def until(page: Any, what: str, within_s: float = WAIT_S) -> None:
    """Playwright's own waiting evaluates in the page, which the policy forbids."""
    eventually(lambda: page.evaluate(what) or page.wait_for_timeout(100), within_s=within_s, what=what)


def tile(page: Any, camera: str) -> int:
    """Which tile shows it."""
    names = page.locator(".tile.filled .tile-name").all_inner_texts()
    return next(at for at, name in enumerate(names) if name.startswith(camera))


def position(page: Any) -> float:
    return float(page.evaluate("onb.deck.position_ms"))


def near(page: Any, at: int, wanted: Any) -> int:
    """Waits until the tile shows a picture painted near `wanted()`; its time."""

    def found() -> int | None:
        ms = painted(page, at)
        if ms is not None and abs(ms - wanted()) < SLACK_MS:
            return ms
        page.wait_for_timeout(100)
        return None

    return eventually(found, within_s=WAIT_S, what=f"a picture near {wanted()}, not {painted(page, at)}") or 0


def test_a_round(demo: Service, browser: Any, tmp_path: Path) -> None:
    faults: list[str] = []
    page = opened(browser, faults)
    log_in(page, demo.ready["http"], demo.ready["user"], demo.ready["password"])
    watches_live(page)
    goes_back_over_a_gap(page, demo)
    exported = exports(page, tmp_path)
    assert "intact" in onb("recordings", "verify", str(exported)).stdout
    adds_a_camera(page, demo)
    makes_a_user(page)
    other = opened(browser, faults)
    log_in(other, demo.ready["http"], "vera", "vera-password")
    assert other.locator(".cameras .pick").all_inner_texts() == ["Workshop"]
    near(other, 0, lambda: time.time() * 1000)
    logs_out(page)
    assert faults == []


def watches_live(page: Any) -> None:
    """Four cameras at once, each of this moment; one of them by its sub stream, as Chromium plays no H.265."""
    for camera in ("Entrance", "Car park", "Workshop", "Harbour"):
        near(page, tile(page, camera), lambda: time.time() * 1000)


def goes_back_over_a_gap(page: Any, demo: Service) -> None:
    """To before the gap and on over it, then picture by picture."""

    def gap() -> Any:
        found = next(one for one in onb_recordings(demo) if one["camera"] == "harbour")
        return found["gaps"] or page.wait_for_timeout(500)

    (silent,) = eventually(gap, within_s=WAIT_S, what="harbour's gap")
    ends, begins = (page.evaluate(f"Date.parse('{silent[name]}')") for name in ("from", "until"))
    assert begins - ends > (SILENCE_S - 2) * 1000
    page.evaluate(f"onb.deck.seek({ends - 4000}, true)")
    harbour, entrance = tile(page, "Harbour"), tile(page, "Entrance")
    near(page, harbour, lambda: position(page))
    until(page, f"onb.deck.position_ms > {begins + 500}")
    near(page, harbour, lambda: position(page))
    near(page, entrance, lambda: position(page))
    page.keyboard.press("k")
    seen = [settled(page, entrance)]
    # Forwards to what comes next, however many pictures a busy camera has left out; back over the very same ones.
    for _ in range(3):
        seen.append(stepped(page, entrance, "."))
    assert all(0 < after - before <= 20 * FRAME_MS for before, after in pairwise(seen))
    assert [stepped(page, entrance, ",") for _ in range(3)] == seen[-2::-1]


def settled(page: Any, at: int) -> int:
    """The time in a picture that has not changed for a while."""
    before, since = painted(page, at), time.monotonic()
    ends = since + WAIT_S
    while before is None or time.monotonic() - since < 1.5:
        assert time.monotonic() < ends, before
        page.wait_for_timeout(100)
        now = painted(page, at)
        if now != before:
            before, since = now, time.monotonic()
    return before


def stepped(page: Any, at: int, key: str) -> int:
    """What is shown once the key has done something."""
    before = painted(page, at)
    page.keyboard.press(key)
    ends = time.monotonic() + WAIT_S
    while painted(page, at) == before:
        assert time.monotonic() < ends, (key, before)
        page.wait_for_timeout(50)
    return settled(page, at)


def exports(page: Any, folder: Path) -> Path:
    """What the page offers, of the camera that is chosen; the file, opened by FFmpeg."""
    page.keyboard.press("e")
    page.get_by_role("button", name="Start export").click()
    page.wait_for_selector(".job[data-state=done]")
    with page.expect_download() as caught:
        page.get_by_role("link", name="File").click()
    path = folder / caught.value.suggested_filename
    caught.value.save_as(path)
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) > 10
    page.get_by_role("button", name="Manifest").click()
    page.wait_for_selector("text=exported_by")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    return path


def adds_a_camera(page: Any, demo: Service) -> None:
    """By its address: first a wrong one, then one that works, then it is watched like the others."""
    page.evaluate("location.hash = '#/cameras'")
    page.get_by_role("button", name="Add camera").click()
    page.get_by_label("Name").fill("Back door")
    page.get_by_label("Address").fill(demo.rtsp_url("/live/entrance/sub", password="wrong"))
    page.get_by_role("button", name="Test the address").click()
    page.wait_for_selector("dialog >> text=user name or password refused")
    page.get_by_label("Address").fill(demo.rtsp_url("/live/entrance/sub"))
    page.get_by_role("button", name="Test the address").click()
    page.wait_for_selector("text=It works")
    assert page.get_by_alt_text("Picture of the camera").is_visible()
    page.locator("dialog footer").get_by_role("button", name="Add camera").click()
    page.wait_for_selector("td >> text=back-door")
    demo.wait_until_up("back-door")
    assert demo.ready["password"] not in page.content()


def makes_a_user(page: Any) -> None:
    """Who sees one camera."""
    page.evaluate("location.hash = '#/users'")
    page.get_by_role("button", name="Add user").click()
    page.get_by_label("Name").fill("vera")
    page.get_by_label("Password").fill("vera-password")
    page.get_by_label("All cameras").uncheck()
    for name in ("Entrance", "Car park", "Harbour", "Back door", "Workshop"):
        box = page.locator("dialog").get_by_label(name, exact=True)
        box.set_checked(name == "Workshop")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_selector("td >> text=vera")


def logs_out(page: Any) -> None:
    """And is out: what he could fetch a moment ago he cannot now."""
    page.locator("nav button[aria-haspopup=menu]").click()
    page.get_by_role("menuitem", name="Log out").click()
    page.wait_for_selector("input[name=password]")
    assert page.evaluate("fetch('/api/v1/cameras').then((answer) => answer.status)") == 401
