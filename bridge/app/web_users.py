"""Builds what the web door knows of its callers: sessions, tokens, the log-in, the thread that compares passwords."""

import secrets
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from bridge import __version__
from bridge.app.store import Store
from bridge.base.time import Clock
from bridge.net.addresses import PublicAddress
from bridge.services.web.login import Login, PlainHttp
from bridge.services.web.passwords import PasswordQueue
from bridge.services.web.routes import Route
from bridge.services.web.session import session_routes
from bridge.services.web.tokens import token_routes
from bridge.services.web.users import ChangeUsers, user_routes
from bridge.system.api_tokens import ApiTokens
from bridge.system.config import Config
from bridge.system.lockout import Lockout
from bridge.system.session_rows import SessionRows
from bridge.system.sessions import Sessions

InThread = Callable[[Callable[[], Any]], "Deferred[Any]"]


class WebUsers:
    """Who may come in, and who is in. Building it blocks for the database."""

    def __init__(
        self,
        reactor: Any,
        clock: Clock,
        config: Config,
        store: Store,
        lockout: Lockout,
        in_thread: InThread,
        change_users: ChangeUsers,
    ) -> None:
        """change_users: runs a change of users in its turn, in a thread, and tells every door"""
        users = store.users
        self.sessions = Sessions(
            SessionRows(store.database),
            lambda name: credential.stamp if (credential := users.credential(name)) is not None else None,
            users.is_there,
            secrets.token_bytes,
            clock.utc_ns(),
        )
        self.tokens = ApiTokens(store.database, users.is_there, secrets.token_bytes)
        self.queue = PasswordQueue(self._in_worker)
        plain_http = PlainHttp(config.security.plain_http_login, lambda host: _secure_url(config, host))
        self.login = Login(users, self.sessions, self.tokens, lockout, store.audit, clock, self.queue, plain_http)
        self.on_ended: Callable[[], None] = lambda: None
        """Called when somebody is not in any more: what is open for him is to be looked at again."""
        self._reactor, self._clock, self._users = reactor, clock, users
        self.in_thread, self._change_users = in_thread, change_users
        self._worker = ThreadPool(0, 1, "passwords")
        self._one_at_a_time = DeferredLock()

    def routes(self) -> list[Route]:
        """Rows for the table."""
        return [
            *session_routes(self.login, __version__, self._ended),
            *token_routes(self.login, self._one_in_thread, self._ended),
            *user_routes(self._users, self.login, self._change_users),
        ]

    def start(self) -> None:
        """From now on passwords are compared."""
        self._worker.start()

    def stop(self) -> None:
        """No more."""
        if self._worker.started:
            self._worker.stop()

    def recheck(self) -> None:
        """Users have changed: who is gone or has another password is logged out."""
        self.sessions.recheck()
        self.tokens.recheck()

    def sweep(self) -> None:
        """Ends what has expired. Called once in a while."""
        self.sessions.sweep(self._clock.monotonic_ns(), self._clock.utc_ns())
        self._ended()

    def _ended(self) -> None:
        self.on_ended()

    def _one_in_thread(self, work: Callable[[], Any]) -> "Deferred[Any]":
        return self._one_at_a_time.run(lambda: self.in_thread(work))

    def _in_worker(self, work: Callable[[], bool]) -> "Deferred[bool]":
        # Not niced: a thread that is put off while it holds the interpreter's lock puts off the reactor too.
        return deferToThreadPool(self._reactor, self._worker, work)


def _secure_url(config: Config, host_header: str) -> str:
    port = config.public.https or config.port_of("https")
    host, _ = PublicAddress(0, host=config.public.host).seen_by(host_header, "http", "", 0)
    return f"https://{host}:{port}/" if port and host else ""
