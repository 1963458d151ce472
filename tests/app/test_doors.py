"""Binding the doors; real sockets, as binding is all that is done here."""

import errno
import socket

import pytest

from bridge.app import doors
from bridge.app.doors import Door, DoorError, open_door


class FakeReactor:
    def __init__(self) -> None:
        self.adopted: list[int] = []

    def adoptStreamPort(self, fd: int, family: int, factory: object) -> int:
        self.adopted.append(family)
        return fd


def test_both_families_side_by_side() -> None:
    reactor = FakeReactor()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    open_door(reactor, Door("rtsp", port, ("127.0.0.1", "::1"), None))
    assert reactor.adopted == [socket.AF_INET, socket.AF_INET6]


def test_a_taken_port_is_named() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(DoorError) as caught:
            open_door(FakeReactor(), Door("rtsp", port, ("127.0.0.1",), None))
    text = str(caught.value)
    assert f"rtsp: port {port} of 127.0.0.1 cannot be opened: another program listens there" in text
    assert "[ports] rtsp" in text


def test_a_privileged_port_and_its_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(socket.socket):
        def bind(self, address: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(doors.socket, "socket", Refusing)
    with pytest.raises(DoorError, match=r"CAP_NET_BIND_SERVICE; or set another one, such as \[ports\] onvif = 8580"):
        open_door(FakeReactor(), Door("onvif", 580, ("127.0.0.1",), None))
    assert not doors.may_bind_low_ports(["127.0.0.1"])


def test_an_address_of_another_host() -> None:
    with pytest.raises(DoorError, match=r"this host has no such address; see bind and \[bind_door\]"):
        open_door(FakeReactor(), Door("onvif", 0, ("192.0.2.77",), None))


def test_a_door_that_ports_does_not_name() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        door = Door("camera gate", other.getsockname()[1], ("127.0.0.1",), None, key="device_port")
        with pytest.raises(DoorError, match=r"^camera gate: port .* end it, or set another device_port$"):
            open_door(FakeReactor(), door)
