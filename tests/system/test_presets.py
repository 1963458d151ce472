"""Named sets of settings, and what the file says beside them."""

import re
from pathlib import Path
from typing import get_args

import pytest

from bridge.system.config import Clients
from bridge.system.config_load import FaultyConfigurationError, read
from bridge.system.presets import PRESETS, ClientSettings, settings_of
from bridge.wire.digest import Algorithm

DOCS = Path(__file__).parents[2] / "docs"


def test_every_preset_of_the_file_is_there():
    assert set(get_args(Clients.model_fields["preset"].annotation)) == set(PRESETS)
    assert settings_of(Clients()) == PRESETS["standard"] == ClientSettings()


@pytest.mark.parametrize("name", PRESETS)
def test_documents_say_what_it_is(name):
    settings = PRESETS[name]
    digest = ", ".join(algorithm.value.lower() for algorithm in settings.digest)
    login = "after-onvif" if settings.rtsp_after_onvif else "always"
    configuring = "ignore" if settings.ignore_configuring else "refuse"
    row = re.escape(f"| `{name}` | {digest} | {login} | {configuring} |")
    assert re.search(row, (DOCS / "configuration.md").read_text())
    assert f"`{name}`" in (DOCS / "clients.md").read_text()


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"preset": "scrypted"}, ClientSettings(ignore_configuring=True)),
        ({"preset": "scrypted", "configuring": "refuse"}, ClientSettings()),
        ({"preset": "unifi-protect", "rtsp_login": "always"}, ClientSettings()),
        ({"rtsp_login": "after-onvif"}, ClientSettings(rtsp_after_onvif=True)),
        ({"preset": "sha-256", "digest": ["md5"]}, ClientSettings()),
        ({"digest": ["md5", "sha-256"]}, ClientSettings(digest=(Algorithm.MD5, Algorithm.SHA_256))),
    ],
)
def test_what_stands_beside_a_preset_counts_more(table, expected):
    assert settings_of(read({"clients": table}, environ={}).clients) == expected


@pytest.mark.parametrize("table", [{"preset": "nvr"}, {"digest": []}, {"digest": ["sha1"]}, {"rtsp_login": "never"}])
def test_what_is_no_setting(table):
    with pytest.raises(FaultyConfigurationError, match=r"^clients\."):
        read({"clients": table}, environ={})
