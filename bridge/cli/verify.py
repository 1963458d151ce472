"""`onb recordings verify`: whether an export still is what was taken away, and who signed it."""

import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from bridge.cli.terminal import (
    DEFAULT_CONFIG,
    FAILED,
    AsJson,
    ConfigFile,
    errors_as_sentences,
    fail,
    note,
    printable,
    say,
)

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from bridge.recorder.verify import Verdict

_END_OF_TIME_S = 253_402_300_800
"""The year 10,000, which dates cannot tell."""


def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An export.")],
    trust: Annotated[
        list[Path] | None,
        typer.Option(metavar="CERT", help="Certificates of signers or authorities that you trust; may stand often."),
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Whether an ONVIF export is what was signed; exit 1 names what was changed. Needs no configuration and no data."""
    from bridge.recorder.verify import NotAnExportError
    from bridge.recorder.verify import verify as verified

    del config  # every command takes it
    with errors_as_sentences():
        trusted = _trusted(trust or [])
        try:
            with file.open("rb") as opened:
                verdict = verified(opened)
        except NotAnExportError as error:
            _tell_no_export(file, str(error), as_json=as_json)
        remarks, untrusted = _judge(verdict, trusted)
        if as_json:
            say(json.dumps(_as_json(file, verdict, remarks, untrusted, bool(trusted)), ensure_ascii=False, indent=2))
        else:
            _say_verdict(file, verdict, untrusted, bool(trusted))
            for remark in remarks:
                note(printable(remark))
    if verdict.changed or untrusted:
        raise typer.Exit(FAILED)


def _trusted(paths: list[Path]) -> "list[Certificate]":
    from bridge.system.certificate_files import load_certificates

    return [certificate for path in paths for certificate in load_certificates(path)]


def _judge(verdict: "Verdict", trusted: "list[Certificate]") -> tuple[list[str], str]:
    """(remarks, why nobody is trusted who signed; "" where somebody is, or nobody was asked about)."""
    from bridge.recorder.trust import UntrustedError, vouched

    if verdict.changed or not trusted:
        return [], ""
    now = dt.datetime.now(dt.UTC)
    made = now
    if verdict.unit is not None:
        if not 0 <= verdict.unit.utc_s < _END_OF_TIME_S:
            return [], "signed, but its time of export is none"
        made = dt.datetime.fromtimestamp(verdict.unit.utc_s, dt.UTC)
    reasons = []
    for _, certificate in verdict.seals:
        try:
            return vouched(certificate, trusted, made, now), ""
        except UntrustedError as error:
            reasons.append(str(error))
    return [], "; ".join(reasons)


def _say_verdict(file: Path, verdict: "Verdict", untrusted: str, asked: bool) -> None:
    from bridge.recorder.trust import described, fingerprint_of

    if verdict.changed:
        for line in verdict.changed:
            say(f"{file}: changed: {printable(line)}")
        return
    signers = [certificate for _, certificate in verdict.seals]
    if untrusted:
        say(f"{file}: intact, but {printable(untrusted)}")
    elif asked:
        say(f"{file}: intact, signed by {printable('; '.join(map(described, signers)))}")
    else:
        say(f"{file}: intact, signer unknown; SHA-256 of the certificate: {', '.join(map(fingerprint_of, signers))}")
    unit, contents = verdict.unit, verdict.contents
    if unit is not None:
        say(printable(f"exported at {_instant(unit.utc_s)} by {unit.operator or 'nobody named'} on {unit.name}"))
    if contents is not None:
        say(printable(f"{contents.recording}: {contents.shown.since} to {contents.shown.until}"))
        for gap in contents.gaps:
            say(printable(f"nothing was recorded from {gap.since} until {gap.until}"))
        for serial, reason in contents.unreadable:
            say(printable(f"segment {serial} could not be read: {reason}"))


def _as_json(file: Path, verdict: "Verdict", remarks: list[str], untrusted: str, asked: bool) -> dict[str, object]:
    from bridge.recorder.trust import fingerprint_of, name_of

    signers = [{"name": name_of(one), "sha256": fingerprint_of(one)} for _, one in verdict.seals]
    answer: dict[str, object] = {"file": str(file), "intact": not verdict.changed, "changed": list(verdict.changed)}
    # null: nobody said whom he trusts.
    answer |= {"signers": signers, "trusted": not (untrusted or verdict.changed) if asked else None}
    answer |= {"untrusted": untrusted, "remarks": remarks}
    if verdict.unit is not None:
        unit = verdict.unit
        answer["exported"] = {"at": _instant(unit.utc_s), "by": unit.operator, "on": unit.name}
    if verdict.contents is not None:
        contents = verdict.contents
        answer |= {
            "recording": contents.recording,
            "asked": {"from": contents.asked.since, "until": contents.asked.until},
        }
        answer |= {"from": contents.shown.since, "until": contents.shown.until}
        answer |= {"gaps": [{"from": gap.since, "until": gap.until} for gap in contents.gaps]}
        answer |= {"unreadable": [{"segment": serial, "reason": reason} for serial, reason in contents.unreadable]}
    return answer


def _instant(utc_s: int) -> str:
    from bridge.base.time import NS_PER_S, format_utc

    return format_utc(utc_s * NS_PER_S, digits=0) if 0 <= utc_s < _END_OF_TIME_S else "an unknown time"


def _tell_no_export(file: Path, why: str, *, as_json: bool) -> NoReturn:
    sentence = f"{file} is no ONVIF export that could be verified: {why}"
    if as_json:
        say(json.dumps({"file": str(file), "intact": False, "changed": [], "error": sentence}, indent=2))
    fail(sentence, FAILED)
