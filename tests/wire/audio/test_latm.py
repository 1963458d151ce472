"""AAC in LATM: what StreamMuxConfig says. Its payloads are tested with `marked_units`."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.errors import RemoteProtocolError
from bridge.wire.audio.aac import AudioSpecificConfig
from bridge.wire.audio.latm import parse_config

# A configuration, and what it says.
CONFIGS = [
    ("400028103fc0", AudioSpecificConfig(2, 16000, 16000, 1)),
    ("400023203fc0", AudioSpecificConfig(2, 48000, 48000, 2)),
    ("40002410", AudioSpecificConfig(2, 44100, 44100, 1)),
]


@pytest.mark.parametrize(("text", "value"), CONFIGS)
def test_parses_config(text, value):
    assert parse_config(bytes.fromhex(text)) == value


@pytest.mark.parametrize("text", ["", "c0002320", "40", "4000ffff"])
def test_refuses_config(text):
    with pytest.raises(RemoteProtocolError):
        parse_config(bytes.fromhex(text))


@given(st.binary(max_size=100))
def test_any_config_gives_a_value_or_a_protocol_error(config):
    with contextlib.suppress(RemoteProtocolError):
        assert parse_config(config).sample_rate > 0
