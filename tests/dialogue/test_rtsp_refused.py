"""What a refusal carries."""

from bridge.dialogue.rtsp_refused import RefusedError
from bridge.dialogue.rtsp_server_events import LoginFailed


def test_a_refusal_carries_the_reply_and_what_the_shell_is_to_know():
    refused = RefusedError(401, ("WWW-Authenticate", "Digest"), events=(LoginFailed("eve"),))
    assert (refused.status, refused.headers, refused.events) == (
        401,
        (("WWW-Authenticate", "Digest"),),
        (LoginFailed("eve"),),
    )
    assert RefusedError(404).events == ()
