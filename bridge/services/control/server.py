"""The listening side of the control socket: one request a connection, one line each way."""

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure

from bridge.base.errors import BridgeError, RemoteProtocolError
from bridge.system.control import REQUEST_LIMIT_BYTES, decode_request, done, refused, socket_address

TIMEOUT_S = 10

# What each request does; it returns the values of the answer, now or later. BridgeError is the answer "refused".
Answers = Mapping[str, Callable[[], "dict[str, object] | Deferred[dict[str, object]]"]]


class _Connection(LineReceiver):
    delimiter = b"\n"
    MAX_LENGTH = REQUEST_LIMIT_BYTES
    transport: Any  # ITCPTransport from connectionMade on

    def __init__(self, reactor: Any, answers: Answers) -> None:
        self._reactor, self._answers = reactor, answers
        self._timeout: Any = None

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        self._timeout = self._reactor.callLater(TIMEOUT_S, self.transport.abortConnection)

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008, N802 - Twisted's signature
        if self._timeout.active():
            self._timeout.cancel()

    def lineReceived(self, line: bytes) -> None:  # noqa: N802 - Twisted's name
        Deferred.fromCoroutine(self._answer(line)).addCallback(self._finish)

    def lineLengthExceeded(self, line: bytes) -> None:  # noqa: N802 - Twisted's name
        self._finish(refused(f"control: a request is longer than {REQUEST_LIMIT_BYTES} bytes"))

    async def _answer(self, line: bytes) -> bytes:
        try:
            result = self._answers[decode_request(line)]()
            return done(**(await result if isinstance(result, Deferred) else result))
        except (RemoteProtocolError, BridgeError) as error:
            return refused(str(error))
        except Exception:  # noqa: BLE001 - the one who asks gets an answer, the log gets the cause
            structlog.get_logger().exception("a control request failed")
            return refused("the service failed to do it; its log says why")

    def _finish(self, answer: bytes) -> None:
        self.transport.write(answer)
        self.transport.loseConnection()


class ControlServer:
    """Listens on `data`/onb.sock with the rights 0600."""

    def __init__(self, reactor: Any, data: Path, answers: Answers) -> None:
        self._reactor, self._data, self._answers = reactor, data, answers
        self._port: Any = None

    def listen(self) -> None:
        """Raises ControlError when the path is too long, CannotListenError when it cannot be bound."""
        address = socket_address(self._data)
        # A socket file that an earlier process left; the lock on the data folder says that none lives.
        with contextlib.suppress(FileNotFoundError):
            Path(address).unlink()
        factory = Factory.forProtocol(lambda: _Connection(self._reactor, self._answers))
        factory.noisy = False
        self._port = self._reactor.listenUNIX(address, factory, mode=0o600)

    async def close(self) -> None:
        """Stops listening; the file goes."""
        port, self._port = self._port, None
        if port is not None:
            await port.stopListening()
