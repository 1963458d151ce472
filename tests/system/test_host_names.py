import ipaddress
import socket
import threading

import pytest

from bridge.system import host_names
from bridge.system.host_names import MOST_NAMES, HostNames, gathered, names_of_host

V4, V6 = ipaddress.IPv4Address, ipaddress.IPv6Address
LOOPBACK = (V4("127.0.0.1"), V6("::1"))


@pytest.mark.parametrize(
    ("names", "addresses", "expected"),
    [
        ([""], [], HostNames((), LOOPBACK)),
        (["NVR", "nvr.lan.", "localhost", "nvr"], [], HostNames(("nvr", "nvr.lan", "localhost"), LOOPBACK)),
        (["2001:db8::7", "192.0.2.7"], [V4("192.0.2.1")],
         HostNames((), (V6("2001:db8::7"), V4("192.0.2.7"), V4("192.0.2.1"), *LOOPBACK))),
        (["two words", "a..b", "b\u00fcro", "x" * 64, "a_b"], [V4("127.0.0.1"), V4("127.0.1.1")],
         HostNames(("a_b",), LOOPBACK)),
    ],
)  # fmt: skip
def test_what_a_certificate_can_name(names, addresses, expected):
    assert gathered(names, addresses) == expected


def test_a_host_with_thousands_of_addresses():
    found = gathered([], [V4(number) for number in range(1 << 24, (1 << 24) + 5000)])
    assert len(found.addresses) == MOST_NAMES
    assert found.addresses[-2:] == LOOPBACK


def test_what_is_missing():
    ours = HostNames(("nvr", "localhost"), LOOPBACK)
    assert ours.missing_in(ours) == ()
    assert ours.missing_in(HostNames(("nvr",), (V4("127.0.0.1"), V4("192.0.2.1")))) == ("localhost", "::1")


def test_this_machine(tmp_path, monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "NVR-7")
    monkeypatch.setattr(socket, "getfqdn", lambda name: f"{name}.example.org")
    (tmp_path / "proc/net").mkdir(parents=True)
    (tmp_path / "proc/net/if_inet6").write_text(
        "20010db8000000000000000000000005 02 40 00 80     eth0\n"
        "20010db8000000000000000000000006 02 40 00 01     eth0\n"  # temporary
        "20010db8000000000000000000000007 02 40 00 40     eth0\n"  # tentative
        "not a line\n"
    )
    found = names_of_host("outside.example", tmp_path)
    assert found.dns == ("outside.example", "nvr-7", "nvr-7.example.org", "localhost")
    assert V6("2001:db8::5") in found.addresses
    assert not {V6("2001:db8::6"), V6("2001:db8::7")} & set(found.addresses)
    assert V4("127.0.0.1") in found.addresses


def test_a_resolver_that_does_not_answer_is_not_waited_for(tmp_path, monkeypatch):
    answer = threading.Event()
    monkeypatch.setattr(socket, "getfqdn", lambda name: answer.wait(20) and name)
    monkeypatch.setattr(host_names, "FQDN_WAIT_S", 0.01)
    try:
        assert names_of_host("", tmp_path).dns == (socket.gethostname().lower(), "localhost")
    finally:
        answer.set()
