"""How the work on a request ends with a reply other than 200."""

from bridge.dialogue.rtsp_server_events import Event


class RefusedError(Exception):
    """status, headers: of the reply; events: what the shell is to know before it."""

    def __init__(self, status: int, *headers: tuple[str, str], events: tuple[Event, ...] = ()) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers
        self.events = events
