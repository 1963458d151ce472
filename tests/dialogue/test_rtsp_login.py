"""The log-in: what a locked-out address learns, and which hashed URIs fit."""

import pytest

from bridge.base.time import NS_PER_S
from bridge.dialogue.digest import DigestClient, Outcome
from bridge.dialogue.rtsp_login import fits
from bridge.dialogue.rtsp_presentation import read_target
from bridge.dialogue.rtsp_server_events import LoggedIn
from tests.dialogue.rtsp_server_setting import PEER, ROOT, Setting

URL = "rtsp://gate.example/live/door"
SECRET = f"{ROOT}/live/secret"
TARGET = read_target(URL, "rtsp://192.0.2.1")


def authorization(setting, user="ann", password="apple", now=0):
    challenge = [value for _, value in setting.login.challenges(now)]
    return DigestClient(user, password).authorize(challenge, "PLAY", URL, "cnonce12")


def test_outcomes():
    setting = Setting()
    check = setting.login.check
    assert check(authorization(setting), "PLAY", TARGET, "h", 1).outcome is Outcome.OK
    assert check(authorization(setting, password="x"), "PLAY", TARGET, "h", 1).outcome is Outcome.WRONG
    assert check(authorization(setting, user="eve"), "PLAY", TARGET, "h", 1).outcome is Outcome.WRONG
    assert check(authorization(setting), "PLAY", TARGET, "h", 3600 * NS_PER_S).outcome is Outcome.STALE
    assert check("Digest", "PLAY", TARGET, "h", 1).outcome is Outcome.MALFORMED


def test_a_locked_out_pair_looks_like_a_wrong_password():
    setting = Setting()
    setting.locked.add(("192.0.2.66", "ann"))
    assert setting.login.check(authorization(setting), "PLAY", TARGET, "192.0.2.66", 1).outcome is Outcome.WRONG
    assert setting.login.check(authorization(setting), "PLAY", TARGET, "192.0.2.67", 1).outcome is Outcome.OK


@pytest.mark.parametrize(
    ("hashed", "fit"),
    [(URL, True), (f"{URL}/", True), (f"{URL}/trackID=0", True), ("*", True), ("", True), ("/live/door", True),
     ("rtsp://elsewhere/live/door?x", True), (f"{URL}/main", True), ("rtsp://gate.example/live/gate", False),
     ("rtsp://gate.example/live/doors", False)],
)  # fmt: skip
def test_fits(hashed, fit):
    assert fits(hashed, TARGET) is fit


def test_a_client_without_credentials_may_be_known_from_elsewhere():
    setting = Setting(vouched={PEER: "bob"})
    talk = setting.connect()
    assert talk.ask("DESCRIBE", f"{ROOT}/live/door").status == 200
    assert talk.ask("DESCRIBE", f"{ROOT}/live/door").status == 200
    assert talk.events == [LoggedIn("bob")]
    # What bob may not see is not there, but it may be there for somebody else at his address.
    assert talk.ask("DESCRIBE", f"{ROOT}/live/secret").status == 401
    assert setting.connect("ann").ask("DESCRIBE", f"{ROOT}/live/secret").status == 200
    assert setting.connect("bob").ask("DESCRIBE", f"{ROOT}/live/secret").status == 404
    assert setting.connect(peer="192.0.2.51").ask("DESCRIBE", f"{ROOT}/live/door").status == 401
    # Credentials count for themselves, right ones and wrong ones.
    for password, status in (("apple", 200), ("wrong", 401)):
        ann = DigestClient("ann", password)
        value = ann.authorize(
            [value for _, value in setting.login.challenges(setting.now)], "DESCRIBE", SECRET, "c" * 8
        )
        assert setting.connect().ask("DESCRIBE", SECRET, [("Authorization", value)]).status == status
