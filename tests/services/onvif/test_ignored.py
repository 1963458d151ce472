"""What is answered as done where the configuration says so, for whom, and that nothing else is."""

import pytest

from bridge.services.onvif.ignored import IGNORED, handlers_for, ignoring
from tests.services.onvif.bridge_setting import ADMIN, VIEWER, Bridge

SET_VER10 = (
    "<Configuration token='gate.main'><tt:Name>x</tt:Name><tt:UseCount>1</tt:UseCount><tt:Encoding>H264</tt:Encoding>"
    "<tt:Resolution><tt:Width>640</tt:Width><tt:Height>360</tt:Height></tt:Resolution><tt:Quality>5</tt:Quality>"
    "<tt:Multicast><tt:Address><tt:Type>IPv4</tt:Type></tt:Address><tt:Port>0</tt:Port><tt:TTL>1</tt:TTL>"
    "<tt:AutoStart>false</tt:AutoStart></tt:Multicast><tt:SessionTimeout>PT60S</tt:SessionTimeout></Configuration>"
    "<ForcePersistence>true</ForcePersistence>"
)
SET_VER20 = (
    "<Configuration token='gate.main'><tt:Name>x</tt:Name><tt:UseCount>1</tt:UseCount><tt:Encoding>H264</tt:Encoding>"
    "<tt:Resolution><tt:Width>640</tt:Width><tt:Height>360</tt:Height></tt:Resolution><tt:Quality>5</tt:Quality>"
    "</Configuration>"
)


@pytest.fixture(scope="module")
def bridges():
    return Bridge(), Bridge(ignore=True)


@pytest.mark.parametrize(("service", "arguments"), [("media", SET_VER10), ("media2", SET_VER20)])
def test_done_where_asked_for_and_refused_otherwise(bridges, service, arguments):
    honest, ignoring_one = bridges
    operation = "SetVideoEncoderConfiguration"
    assert honest.fault(service, operation, arguments) == "Receiver/ActionNotSupported"
    assert len(ignoring_one.ask(service, operation, arguments)) == 0
    assert ignoring_one.fault(service, operation, arguments, user=VIEWER) == "Sender/NotAuthorized"
    assert [row[:4] for row in ignoring_one.audited[-2:]] == [
        (ADMIN.name, f"onvif.{operation}", service, "ok"),
        (VIEWER.name, f"onvif.{operation}", service, "refused"),
    ]


def test_nothing_else_is_ignored(bridges):
    _, ignoring_one = bridges
    name = "<Name>x</Name>"
    assert ignoring_one.fault("media", "CreateProfile", name) == "Receiver/ActionNotSupported"


def test_the_table_changes_for_those_alone(bridges):
    policies = bridges[0].policies
    changed = {key for key, one in ignoring(policies).items() if one != policies[key]}
    assert changed == {(service, name) for service, names in IGNORED.items() for name in names}
    assert set(handlers_for("media")) == set(IGNORED["media"])
    assert handlers_for("device") == {}
