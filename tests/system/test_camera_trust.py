import pytest

from bridge.store.backend import DatabaseUnusableError
from bridge.system.camera_trust import MOST_ADDRESSES, CameraTrust, TrustedCertificate, TrustError
from bridge.system.database import CONFIG

ONE, OTHER, THIRD = "1" * 64, "2" * 64, "3" * 64
AT = "192.0.2.10:322"


@pytest.fixture
def database(opened):
    return opened(CONFIG)


@pytest.fixture
def trust(database):
    made = CameraTrust(database)
    made.load()
    return made


def written(database):
    """What was asked of the writer before is done when this is."""
    database.write(lambda connection: None)


def test_the_first_one_and_no_other(trust, database):
    assert trust.judge("gate", AT, ONE, 5) == ""
    assert trust.judge("gate", AT, ONE, 6) == ""
    assert trust.judge("gate", AT, OTHER, 7) == ONE
    assert trust.judge("gate", AT, THIRD, 8) == ONE
    assert trust.judge("yard", AT, OTHER, 9) == "", "of each camera"
    assert trust.judge("gate", "192.0.2.11:322", OTHER, 9) == "", "and address"
    written(database)
    again = CameraTrust(database)
    again.load()
    assert again.by_camera() == trust.by_camera()
    assert again.by_camera()["gate"][0] == TrustedCertificate("gate", AT, ONE, THIRD, 5)
    assert again.judge("gate", AT, OTHER, 10) == ONE
    assert again.judge("gate", AT, ONE, 11) == ""
    assert again.by_camera()["gate"][0].offered is None, "it shows the right one again"


def test_somebody_says_otherwise(trust, database):
    trust.judge("gate", AT, ONE, 5)
    trust.judge("gate", AT, OTHER, 6)
    written(database)
    command = CameraTrust(database)
    assert command.accept("gate", 7) == [TrustedCertificate("gate", AT, OTHER, None, 7)]
    trust.load()
    assert trust.judge("gate", AT, OTHER, 8) == ""
    assert trust.judge("gate", AT, ONE, 9) == OTHER


def test_there_is_nothing_to_accept(trust, database):
    trust.judge("gate", AT, ONE, 5)
    written(database)
    for camera in ("gate", "yard"):
        with pytest.raises(TrustError, match=f"camera {camera} has shown no other certificate"):
            trust.accept(camera, 6)


def test_forgotten(trust, database):
    trust.judge("gate", AT, ONE, 5)
    written(database)
    assert (trust.forget("gate"), trust.forget("gate")) == (1, 0)
    assert trust.listed() == {}
    trust.load()
    assert trust.judge("gate", AT, OTHER, 6) == ""


def test_a_camera_that_is_at_ever_more_addresses(trust, database):
    for number in range(MOST_ADDRESSES + 5):
        trust.judge("gate", f"192.0.2.10:{number}", ONE, number)
    written(database)
    for known in (trust.by_camera(), trust.listed()):
        assert {one.since_utc_ns for one in known["gate"]} == set(range(5, MOST_ADDRESSES + 5))


def test_a_database_that_is_gone(trust, database):
    database.close()
    assert trust.judge("gate", AT, ONE, 5) == ""
    assert trust.judge("gate", AT, OTHER, 5) == ONE, "what was seen counts all the same"
    with pytest.raises(DatabaseUnusableError):
        trust.forget("gate")
