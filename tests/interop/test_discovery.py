"""WS-Discovery by plain UDP sockets on the loopback interface: Hello, Probe to all and to one, rubbish, Bye."""

import contextlib
import re
import secrets
import socket
import struct
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.conftest import eventually, free_ports, running, write_config

pytestmark = pytest.mark.interop

GROUP, PORT = "239.255.255.250", 3702
# An address of the loopback network that no other service on this machine listens on.
HERE = f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(250) + 1}.{secrets.randbelow(250) + 1}"

PROBE = (
    '<?xml version="1.0" encoding="utf-8"?><Envelope xmlns:tds="http://www.onvif.org/ver10/device/wsdl" '
    'xmlns="http://www.w3.org/2003/05/soap-envelope"><Header>'
    '<wsa:MessageID xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing">{message}</wsa:MessageID>'
    '<wsa:To xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing">'
    "urn:schemas-xmlsoap-org:ws:2005:04:discovery</wsa:To>"
    '<wsa:Action xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing">'
    "http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</wsa:Action></Header><Body>"
    '<Probe xmlns="http://schemas.xmlsoap.org/ws/2005/04/discovery"><Types xmlns:x="{namespace}">x:{name}</Types>'
    "</Probe></Body></Envelope>"
)
NETWORK = "http://www.onvif.org/ver10/network/wsdl"


@contextlib.contextmanager
def udp(address: str, port: int) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        opened.bind((address, port))
        opened.settimeout(0.2)
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(HERE))
        yield opened


def join(opened: socket.socket, group: str) -> None:
    member = struct.pack("4s4s", socket.inet_aton(group), socket.inet_aton(HERE))
    opened.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)


def heard(opened: socket.socket) -> str:
    """The next datagram, "" when there is none just now."""
    try:
        return opened.recv(65535).decode()
    except TimeoutError:
        return ""


def why_no_multicast() -> str:
    """Why this machine cannot send to a group on its loopback interface; "" when it can."""
    group = "239.255.255.249"
    try:
        with udp(group, 0) as receiver, udp(HERE, 0) as sender:
            join(receiver, group)
            sender.sendto(b"?", (group, receiver.getsockname()[1]))
            return "" if heard(receiver) else "what is sent to a group does not come back"
    except OSError as error:
        return str(error)


def probe(opened: socket.socket, to: str, kind: tuple[str, str] = (NETWORK, "NetworkVideoTransmitter")) -> list[str]:
    """Everything that answers a probe within a moment, asked again until something does."""
    message = f"urn:uuid:{uuid.uuid4()}"

    def ask() -> list[str]:
        namespace, name = kind
        opened.sendto(PROBE.format(message=message, namespace=namespace, name=name).encode(), (to, PORT))
        answers = []
        while answer := heard(opened):
            answers.append(answer)
        return [answer for answer in answers if message in answer]

    return eventually(ask, within_s=20, what="an answer to the probe")


def found(client: socket.socket, endpoint: str, address: str, kind: tuple[str, str]) -> None:
    """Waits until the device answers a probe to all; others on this machine may answer as well, and sooner."""

    def ours() -> list[str]:
        return [answer for answer in probe(client, GROUP, kind) if endpoint in answer]

    assert f"XAddrs>{address}<" in eventually(ours, what=f"{endpoint} among those that answer")[0]


def test_hello_probe_and_bye(tmp_path: Path) -> None:
    if reason := why_no_multicast():
        pytest.skip(f"no multicast on the loopback interface: {reason}")
    ports = dict(zip(("onvif", "onvif_tls"), free_ports(2), strict=True))
    config = write_config(tmp_path, "", ports=ports | {"rtsp": 0, "http": 0})
    text = config.read_text().replace("127.0.0.1", HERE).replace("discovery = { enabled = false }\n", "")
    config.write_text(text)
    with udp(GROUP, PORT) as listener, udp(HERE, 0) as client:
        join(listener, GROUP)
        with running(["serve", "--config", str(config)], tmp_path) as service:
            # Both doors, that in clear first: clients take the first that they can.
            address = f"{service.ready['onvif']} {service.ready['onvif_tls']}"
            assert HERE in address

            def announced(kind: str) -> str:
                text = heard(listener)
                return text if f"/discovery/{kind}<" in text and endpoint in text else ""

            endpoint = ""
            matches = probe(client, HERE)[0]
            endpoint = re.search(r"urn:uuid:[0-9a-f-]{36}(?=</\w+:Address>)", matches)[0]  # type: ignore[index] # there
            assert f"XAddrs>{address}<" in matches
            assert "onvif://www.onvif.org/" in matches
            assert endpoint in eventually(lambda: announced("Hello"), what="Hello")
            found(client, endpoint, address, (NETWORK, "NetworkVideoTransmitter"))
            found(client, endpoint, address, ("http://www.onvif.org/ver10/device/wsdl", "Device"))
            # Rubbish and questions that are not for us bring no answer and do no harm.
            for rubbish in (b"", bytes(range(256)), b"<" * 60_000, PROBE.encode()[:200]):
                client.sendto(rubbish, (HERE, PORT))
            other = PROBE.format(message="urn:uuid:0", namespace="urn:printers", name="Printer").encode()
            client.sendto(other, (HERE, PORT))
            assert "urn:uuid:0<" not in heard(client)
            assert endpoint in probe(client, HERE)[0]
            service.process.terminate()
            assert endpoint in eventually(lambda: announced("Bye"), what="Bye")
            assert service.process.wait(15) == 0
        assert "Traceback" not in service.log.read_text()
