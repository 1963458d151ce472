"""The roots of our errors."""

from bridge.base.errors import BridgeError, RemoteProtocolError


def test_the_clause_stands_in_the_text() -> None:
    error = RemoteProtocolError("CSeq: 'x' is no number", clause="RFC 2326 12.17", status=400)
    assert str(error) == "CSeq: 'x' is no number (RFC 2326 12.17)"
    assert error.status == 400
    assert isinstance(error, BridgeError)
