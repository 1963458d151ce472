"""schemathesis, which makes requests out of the OpenAPI document, right ones and wrong ones, against the running demo.

It calls as an administrator, so that every row is reached; by a token of its own, so that no request ends the run.
Examples are few and always the same: this looks for what the document and the doors say differently.
"""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.interop.conftest import Service

pytestmark = [pytest.mark.interop, pytest.mark.timeout(400)]

EXAMPLES = 5
SEED = 20261128
WITHIN_S = 350
"""Most of it is schemathesis's own work, on a machine that does other things as well."""

LEFT_OUT = (
    "delete-tokens-id",  # it looks up which there are, and would revoke its own
    "post-cameras-test",  # calls whatever address is made up
    "post-certificates-renew",  # a new key takes a second of a core each time
)
"""Operations by their id."""

SETTINGS = """
[checks.negative_data_rejection]
# Its own list has no 413, which what is far too long gets before it is read.
expected-statuses = [400, 401, 403, 404, 405, 409, 413, 415, 422, 429]
"""


def ask(service: Service, method: str, path: str, value: object = None, token: str = "") -> Any:
    """The JSON answer of a program."""
    request = urllib.request.Request(
        service.ready["http"] + path,
        data=None if value is None else json.dumps(value).encode(),
        method=method,
        headers={"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {}),
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=20) as answer:
        return json.loads(answer.read())


def test_what_the_document_says_is_so(demo: Service, tmp_path: Path) -> None:
    log_in = {"user": demo.ready["user"], "password": demo.ready["password"]}
    session = ask(demo, "POST", "/api/v1/session", log_in)
    made = ask(demo, "POST", "/api/v1/tokens", {"name": "schemathesis"}, session["token"])
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(without_sockets(ask(demo, "GET", "/api/v1/openapi.json"))))
    (tmp_path / "settings.toml").write_text(SETTINGS)
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(tmp_path / "settings.toml")),
        *("run", str(document), "--url", demo.ready["http"]),
        *("--header", f"Authorization:Bearer {made['token']}", "--seed", str(SEED), "--max-examples", str(EXAMPLES)),
        *("--phases", "examples,coverage,fuzzing", "--generation-deterministic", "--no-shrink"),
        # A name may be right by the document and refused all the same: more is asked of it than a schema can say.
        *("--checks", "all", "--exclude-checks", "positive_data_acceptance"),
        *(argument for name in LEFT_OUT for argument in ("--exclude-operation-id", name)),
        *("--request-timeout", "20", "--warnings", "off", "--no-color"),
    ]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WITHIN_S, cwd=tmp_path)
    told = "\n".join(line[:400] for line in found.stdout.splitlines())
    assert found.returncode == 0, told[-8000:] + found.stderr[-2000:]
    assert ask(demo, "GET", "/api/v1/session", token=made["token"])["user"] == "demo"


def without_sockets(document: dict[str, Any]) -> dict[str, Any]:
    """WebSockets are not asked for by plain requests."""
    for path, methods in list(document["paths"].items()):
        if "101" in methods.get("get", {}).get("responses", {}):
            del document["paths"][path]
    return document
