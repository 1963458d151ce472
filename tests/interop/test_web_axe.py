"""axe-core looks at every page of the web client, dark and light: nothing serious for those who see or move badly."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.conftest import needs
from tests.interop.foreign import node_modules
from tests.interop.web_browser import FakeBridge, chromium, log_in

pytestmark = [pytest.mark.interop, pytest.mark.timeout(240)]

PAGES = ("exports", "cameras", "users", "tokens", "storage", "certificates", "health")
DIALOGS = {"watch": "?", "cameras": "Add camera", "users": "Add user", "tokens": "New token"}
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def axe() -> str:
    return (node_modules(Path(__file__).parent / "axe", needs("npm")) / "axe-core" / "axe.min.js").read_text()


@pytest.fixture(scope="module")
def bridge() -> Iterator[FakeBridge]:
    made = FakeBridge()
    yield made
    made.close()


def findings(page: Any, axe: str) -> list[str]:
    # By the driver, not by the page: its policy allows no scripts of others.
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [
        f"{page.url.partition('#')[2]} {one['id']}: {node['html'][:160]} ({node['failureSummary'][:200]})"
        for one in found
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_every_page(axe: str, bridge: FakeBridge, scheme: str) -> None:
    told: list[str] = []
    with chromium() as browser:
        # The policy is looked at by the other tests; axe brings scripts of its own.
        context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme, bypass_csp=True)
        page = context.new_page()
        page.goto(bridge.address)
        page.wait_for_selector("input[name=password]")
        told += findings(page, axe)
        log_in(page, bridge.address)
        page.wait_for_selector(".tile[data-state=live]")
        told += findings(page, axe)
        for key in ("?", "c"):
            page.keyboard.press(key)
            page.wait_for_selector("dialog[open]")
            told += findings(page, axe)
            page.keyboard.press("Escape")
        page.keyboard.press("e")
        told += findings(page, axe)
        for name in PAGES:
            page.evaluate(f"location.hash = '#/{name}'")
            page.wait_for_selector(f"a[data-page='{name}'][aria-current]" if name != "tokens" else "text=New token")
            page.wait_for_timeout(400)
            told += findings(page, axe)
            if name in DIALOGS:
                page.get_by_role("button", name=DIALOGS[name]).click()
                page.wait_for_selector("dialog[open]")
                told += findings(page, axe)
                page.keyboard.press("Escape")
        context.close()
    assert told == []
