"""Log-in at the web door of a running service: over TLS and not, across a restart, and while somebody guesses."""

import http.client
import json
import ssl
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from bridge.system.passwords import hash_password
from tests.interop.conftest import Service, eventually, onb, running, write_config

pytestmark = pytest.mark.interop

SESSION = "/api/v1/session"


def ask(
    service: Service, method: str, path: str, value: object = None, *, door: str = "http", **headers: str
) -> tuple[int, list[str], Any]:
    """Status, cookies that are set, and the JSON answer. headers: with _ for -."""
    place = urlsplit(service.ready[door])
    if door == "https":
        # The certificate is of the service's own making, and tested elsewhere.
        context = ssl._create_unverified_context()
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(place.netloc, timeout=20, context=context)
    else:
        connection = http.client.HTTPConnection(place.netloc, timeout=20)
    sent = {name.replace("_", "-"): text for name, text in headers.items()}
    body = None if value is None else json.dumps(value)
    if body is not None:
        sent["Content-Type"] = "application/json"
    connection.request(method, path, body, sent)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, answer.headers.get_all("Set-Cookie") or [], json.loads(data) if data else None


def test_a_session_across_restarts_and_changes_from_outside(tmp_path: Path) -> None:
    users = f"""
    [[user]]
    name = "anna"
    password = "a-secret"
    role = "administrator"
    [[user]]
    name = "vera"
    password_hash = "{hash_password("v-secret")}"
    doors = ["web"]
    """
    config = write_config(tmp_path, users, more_doors=("https",))
    arguments = ["serve", "--config", str(config)]
    with running(arguments, tmp_path) as service:
        status, cookies, vera = ask(service, "POST", SESSION, {"user": "vera", "password": "v-secret"}, door="https")
        assert (status, [one.partition("=")[0] for one in cookies]) == (
            200,
            ["__Host-onb_access", "__Secure-onb_refresh"],
        )
        assert ask(service, "POST", SESSION, {"user": "vera", "password": "wrong"})[0] == 401
        _, _, anna = ask(service, "POST", SESSION, {"user": "anna", "password": "a-secret"})
        by_anna = {"Authorization": f"Bearer {anna['token']}"}
        bob = {"name": "bob", "password": "b-secret", "doors": ["web"]}
        assert ask(service, "POST", "/api/v1/users", bob, **by_anna)[0] == 201
        _, _, token = ask(service, "POST", "/api/v1/tokens", {"name": "wall"}, **by_anna)
        _, _, of_bob = ask(service, "POST", SESSION, {"user": "bob", "password": "b-secret"})
    with running(arguments, tmp_path) as service:
        for one in (vera, anna, of_bob):
            status, _, again = ask(service, "POST", f"{SESSION}/refresh", {"refresh_token": one["refresh_token"]})
            assert (status, again["user"]) == (200, one["user"])
        by_bob = {"Authorization": f"Bearer {again['token']}"}
        assert ask(service, "GET", SESSION, **by_bob)[0] == 200
        assert (
            onb("users", "password", "bob", "--password-file", "-", "--config", str(config), stdin="new\n").returncode
            == 0
        )
        eventually(lambda: ask(service, "GET", SESSION, **by_bob)[0] == 401, what="bob is logged out")
        assert ask(service, "POST", SESSION, {"user": "bob", "password": "new"})[0] == 200
        by_token = {"Authorization": f"Bearer {token['token']}"}
        assert ask(service, "DELETE", "/api/v1/users/bob", **by_token)[0] == 204
        assert ask(service, "POST", SESSION, {"user": "bob", "password": "new"})[0] == 401


def test_who_guesses_fast_is_held_off_and_others_are_served(tmp_path: Path) -> None:
    """As many at a time as the machine makes: some are looked at, the rest told to wait; a session goes on."""
    stored = hash_password("v-secret")
    user = f'[[user]]\nname = "vera"\npassword_hash = "{stored}"\ndoors = ["web"]'
    with running(["serve", "--config", str(write_config(tmp_path, user))], tmp_path) as service:
        _, _, vera = ask(service, "POST", SESSION, {"user": "vera", "password": "v-secret"})

        def guess(number: int) -> int:
            return ask(service, "POST", SESSION, {"user": f"user{number % 5}", "password": str(number)})[0]

        with ThreadPoolExecutor(20) as pool:
            statuses = Counter(pool.map(guess, range(200)))
        assert set(statuses) <= {401, 429}
        assert ask(service, "GET", SESSION, Authorization=f"Bearer {vera['token']}")[0] == 200
        # The pair of his name and address is trusted: he is not held up by those behind the same address.
        assert ask(service, "POST", SESSION, {"user": "vera", "password": "v-secret"})[0] == 200
        refused = sum(
            float(line.split()[-1])
            for line in service.metrics().splitlines()
            if line.startswith("onb_web_logins_refused_total{")
        )
        assert refused == 200
