"""The roots of our errors. Their text names the field and the value; secrets never stand in it."""


class BridgeError(Exception):
    """Root of every error that we raise on purpose."""


class RemoteProtocolError(BridgeError):
    """The peer broke a rule of its protocol.

    `clause` names the rule (`RFC 2326 12.17`); `status` is the reply that suits it in the protocol's own numbers
    (0: the connection is beyond replies and should be closed). `cseq` is the number of the RTSP message, as it was
    written, where one could be read: replies carry it.
    """

    def __init__(self, message: str, *, clause: str = "", status: int = 0, cseq: str = "") -> None:
        super().__init__(f"{message} ({clause})" if clause else message)
        self.clause = clause
        self.status = status
        self.cseq = cseq


class LocalProtocolError(BridgeError):
    """We called a conversation in the wrong order, or asked it to send what must not be sent: a defect of ours."""


class ConfigurationError(BridgeError):
    """The configuration cannot be used as it stands."""


class DamagedError(BridgeError):
    """Stored bytes break their own format: the text names the field, what stands there and what was expected.

    `offset` is where, in the bytes that were read, or -1; whoever knows the file names it in front.
    """

    def __init__(self, message: str, *, offset: int = -1, clause: str = "") -> None:
        place = f"{message}, at byte {offset}" if offset >= 0 else message
        super().__init__(f"{place} ({clause})" if clause else place)
        self.offset = offset
        self.clause = clause
