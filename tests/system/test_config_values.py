import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.system.config_values import (
    ExpectedError,
    expand,
    parse_address,
    parse_duration,
    parse_multicast_range,
    parse_network,
    parse_port_range,
    parse_schedule,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("500ms", 500_000_000),
        ("2s", 2_000_000_000),
        ("1.5s", 1_500_000_000),
        ("0.000000001s", 1),
        ("10m", 600_000_000_000),
        ("10min", 600_000_000_000),
        ("1h", 3_600_000_000_000),
        ("7d", 604_800_000_000_000),
        ("1w", 604_800_000_000_000),
        ("2 s", 2_000_000_000),
        ("0s", 0),
    ],
)
def test_durations(text, ns):
    assert parse_duration(text) == ns


@pytest.mark.parametrize("text", ["", "2", "s", "-2s", "2S", "2 sec", "1e3s", "2s ", "٢s", "1" * 16 + "s", "2s\n"])
def test_what_is_no_duration(text):
    with pytest.raises(ExpectedError, match="a duration such as"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("value", "size_bytes"),
    [
        (0, 0),
        (5, 5),
        ("5", 5),
        ("2GB", 2_000_000_000),
        ("500MiB", 524_288_000),
        ("1kb", 1000),
        ("1.5 KiB", 1536),
        ("1 B", 1),
    ],
)
def test_sizes(value, size_bytes):
    assert parse_size(value) == size_bytes


@pytest.mark.parametrize("value", [-1, "", "-1", "2G", "GB", "2 gigabytes", "0x10"])
def test_what_is_no_size(value):
    with pytest.raises(ExpectedError, match="a number of bytes or a size"):
        parse_size(value)


def test_port_ranges():
    assert parse_port_range("") is None
    assert parse_port_range("40001-40099") == (40001, 40099)
    assert parse_port_range("5 - 5") == (5, 5)
    for text in ("40001", "9-2", "0-5", "1-65536", "-", "1-2-3", "a-b"):
        with pytest.raises(ExpectedError, match="a range of ports"):
            parse_port_range(text)


def test_addresses_and_networks():
    assert parse_address("::") == "::"
    assert parse_address("FE80::1%eth0") == "fe80::1%eth0"
    assert parse_network("192.0.2.0/24") == "192.0.2.0/24"
    assert parse_network("2001:db8::5") == "2001:db8::5/128"
    assert parse_multicast_range("239.1.0.0/16") == "239.1.0.0/16"
    assert parse_schedule("mon-fri 08:00-24:00") == "mon-fri 08:00-24:00"
    for parse, text in (
        (parse_address, "localhost"),
        (parse_address, "1.2.3.4:80"),
        (parse_network, "192.0.2.1/24"),
        (parse_multicast_range, "10.0.0.0/8"),
        (parse_multicast_range, "ff02::/16"),
        (parse_multicast_range, "224.0.0.8/29"),
        (parse_multicast_range, "224.0.0.0/4"),
        (parse_schedule, "mon 8-18"),
        (parse_schedule, "mon 25:00-26:00"),
    ):
        with pytest.raises(ExpectedError):
            parse(text)


def test_expand():
    environ = {"A": "x${B}y", "EMPTY": ""}
    assert expand("${A}-$A-$${A}-${a b}-$", environ) == "x${B}y-$A-${A}-${a b}-$"
    assert expand("${EMPTY}", environ) == ""
    assert expand("a${A}b", environ, between=str.upper) == "Ax${B}yB"
    with pytest.raises(ExpectedError, match="the environment variable NOPE, which is not set"):
        expand("x${NOPE}", environ)
    with pytest.raises(ExpectedError, match="in UTF-8"):
        expand("${A}", {"A": "\udcff"})


@given(st.text())
def test_any_text_survives_when_its_variables_are_escaped(text):
    assert expand(text.replace("${", "$${"), {}) == text
