"""The roots of our errors."""

from bridge.base.errors import BridgeError, DamagedError, RemoteProtocolError


def test_the_clause_stands_in_the_text() -> None:
    error = RemoteProtocolError("CSeq: 'x' is no number", clause="RFC 2326 12.17", status=400)
    assert str(error) == "CSeq: 'x' is no number (RFC 2326 12.17)"
    assert error.status == 400
    assert isinstance(error, BridgeError)


def test_damage_names_its_place() -> None:
    error = DamagedError("trun: 0 samples; 1 expected", offset=1200, clause="ISO/IEC 14496-12 8.8.8")
    assert str(error) == "trun: 0 samples; 1 expected, at byte 1200 (ISO/IEC 14496-12 8.8.8)"
    assert str(DamagedError("no footer")) == "no footer"
    assert isinstance(error, BridgeError)
