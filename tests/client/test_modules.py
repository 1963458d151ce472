"""The page's logic without a browser (`node --test`), and what every module of it must hold."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bridge.services.web.page import read_page

HERE = Path(__file__).parent
PAGE = {name: file.body.decode() for name, file in read_page().items() if name.endswith(".js")}


def test_the_logic_of_the_page() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    tests = sorted(str(path) for path in HERE.glob("*.test.mjs"))
    done = subprocess.run(
        [node, "--no-warnings", "--test", *tests], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"fail 0\b", done.stdout), done.stdout


def test_every_text_is_there_and_used() -> None:
    texts = PAGE["texts.js"]
    keys = set(re.findall(r'^  "?([A-Za-z][\w.]*)"?:', texts, re.MULTILINE)) - {"en"}
    code = "\n".join(body for name, body in PAGE.items() if name != "texts.js")
    named = set(re.findall(r'\bt\("([^"]+)"', code))
    assert not named - keys, f"texts that are missing: {sorted(named - keys)}"
    begun = tuple(re.findall(r"\bt\(`([\w.]+\.)\$\{", code))
    unused = {key for key in keys - named if f'"{key}"' not in code and not key.startswith(begun)}
    unused -= {f"{key}.label" for key in keys}
    assert not unused, f"texts that nothing shows: {sorted(unused)}"


def test_modules_find_each_other() -> None:
    for name, body in PAGE.items():
        for found in re.findall(r'(?:from|import\()\s*"(\.[^"]+)"', body):
            there = (Path("/") / Path(name).parent / found).resolve().as_posix().lstrip("/")
            assert there in PAGE, f"{name}: {found}"


def test_what_works_without_a_browser_names_none() -> None:
    for name in ("clock", "catchup", "backoff", "spans", "pieces"):
        assert not re.search(r"\b(document|window|navigator)\b", PAGE[f"player/{name}.js"]), name
    for name in ("watch/scale.js", "watch/layouts.js", "watch/coverage.js", "watch/rows.js", "times.js", "camera.js"):
        assert not re.search(r"\b(document|window|navigator)\b", PAGE[name]), name
