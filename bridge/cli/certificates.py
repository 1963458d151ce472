"""`onb certificates`: what the TLS doors show, and whom clients have to trust for it."""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.opened import load_config, tell_service
from bridge.cli.terminal import (
    DEFAULT_CONFIG,
    FAILED,
    AsJson,
    ConfigFile,
    errors_as_sentences,
    fail,
    note,
    print_rows,
    say,
)

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from bridge.system.config import Config
    from bridge.system.door_certificate import DoorCertificate

certificates_app = typer.Typer(help="What the TLS doors show.", no_args_is_help=True)

NONE_YET = "there is no certificate yet: the service makes one when it starts with a TLS door open"


@certificates_app.command("list")
def certificates_list(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """The doors' certificate and those above it: names, SHA-256 fingerprint, validity."""
    from bridge.system.door_certificate import days_warned_of

    with errors_as_sentences():
        loaded = load_config(config)
        found = _shown(loaded)
    if found is None:
        if as_json:
            say("[]")
        else:
            note(NONE_YET)
        return
    rows = [
        _row("doors" if number == 0 else "authority", one, ours=found.ours) for number, one in enumerate(found.chain)
    ]
    columns = ("certificate", "name", "names", "from", "until", "sha256")
    print_rows(rows, as_json, columns)
    days = days_warned_of(found.expires, dt.datetime.now(dt.UTC))
    if days is not None:
        note(f"expires within {days} d" if days else "it has expired: clients refuse the TLS doors")


@certificates_app.command("ca")
def certificates_ca(
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it there instead.")] = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Print our authority as PEM: clients that trust it trust every TLS door, for as long as this data folder lives."""
    from bridge.system.certificate_files import load_certificates, pem_of
    from bridge.system.door_certificate import CA_FILE

    with errors_as_sentences():
        loaded = load_config(config)
        _must_be_ours(loaded)
        if not (loaded.data / CA_FILE).exists():
            fail(NONE_YET, FAILED)
        pem = pem_of(load_certificates(loaded.data / CA_FILE)[0])
        if out is None:
            say(pem.decode("ascii").rstrip())
        else:
            out.write_bytes(pem)


@certificates_app.command("renew")
def certificates_renew(
    authority: Annotated[
        bool, typer.Option("--ca", help="A new authority as well: every client has to be told to trust it.")
    ] = False,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Make a new certificate with a new key; the running service shows it to new connections at once."""
    from bridge.system.door_certificate import new_authority, of_ours
    from bridge.system.host_names import names_of_host
    from bridge.system.secrets import open_vault

    with errors_as_sentences():
        loaded = load_config(config)
        _must_be_ours(loaded)
        loaded.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        vault, names, now = open_vault(loaded.data), names_of_host(loaded.public.host), dt.datetime.now(dt.UTC)
        if authority:
            new_authority(loaded.data, vault, names, now)
        made = of_ours(loaded.data, vault, names, now, renew=True)
        tell_service(loaded, "certificates-changed")
    note(f"valid until {_day(made.chain[0].not_valid_after_utc)} for {', '.join(made.names.texts)}")
    if authority:
        note("the authority is a new one: `onb certificates ca` prints it for those who are to trust it")


def _shown(config: "Config") -> "DoorCertificate | None":
    """What the doors show as far as it is there; nothing is made."""
    from bridge.system.door_certificate import DOOR_FILE, DoorCertificate, kept
    from bridge.system.secrets import open_vault

    tls = config.tls
    if tls.certificate is not None and tls.key is not None:
        return DoorCertificate(tls.certificate.certificates, tls.key.key, ours=False)
    if not (config.data / DOOR_FILE).exists():
        return None
    return kept(config.data, open_vault(config.data, make=False))


def _must_be_ours(config: "Config") -> None:
    if config.tls.certificate is not None:
        fail(f"the doors show {config.tls.certificate.path} ([tls] certificate): ask its issuer", FAILED)


def _row(what: str, certificate: "Certificate", *, ours: bool) -> dict[str, object]:
    from cryptography.hazmat.primitives.hashes import SHA256

    from bridge.system.door_certificate import common_name, names_in

    return {
        "certificate": what,
        "name": common_name(certificate),
        "names": list(names_in(certificate).texts),
        "from": _day(certificate.not_valid_before_utc),
        "until": _day(certificate.not_valid_after_utc),
        "sha256": certificate.fingerprint(SHA256()).hex(),
        "source": "ours" if ours else "file",
    }


def _day(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
