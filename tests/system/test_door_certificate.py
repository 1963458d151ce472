import datetime as dt
import ipaddress

import pytest
from cryptography import x509

from bridge.system import certificate_files, door_certificate
from bridge.system.certificate_files import CertificateError, load_certificates
from bridge.system.door_certificate import (
    CA_FILE,
    CA_KEY_FILE,
    DOOR_FILE,
    EARLIEST_NOW,
    common_name,
    days_warned_of,
    kept,
    names_in,
    new_authority,
    of_ours,
    reason_to_renew,
)
from bridge.system.host_names import HostNames
from bridge.system.secrets import SecretsError, Vault
from tests.system.tls_files import NOW, QuickKeys, server_certificate

VAULT = Vault(b"A" * 43 + b"=")
NAMES = HostNames(("nvr", "localhost"), (ipaddress.IPv4Address("192.0.2.1"), ipaddress.IPv6Address("2001:db8::1")))
DAY = dt.timedelta(days=1)


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    quick = QuickKeys()
    monkeypatch.setattr(certificate_files, "rsa", quick)
    monkeypatch.setattr(door_certificate, "rsa", quick)
    return quick


def test_made_at_the_first_start_and_kept(tmp_path, keys):
    first = of_ours(tmp_path, VAULT, NAMES, NOW)
    again = of_ours(tmp_path, VAULT, NAMES, NOW + DAY)
    assert (first.made, again.made) == ("the first one", "")
    assert first.chain == again.chain
    assert first.key.private_numbers() == again.key.private_numbers()
    assert keys.made == [3072, 2048]
    assert "PRIVATE" not in repr(first)
    own, ca = first.chain
    own.verify_directly_issued_by(ca)
    assert first.names == NAMES
    assert common_name(own) == "nvr"
    assert common_name(ca).startswith("nvr ")
    assert ca.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(True, 0)
    # What the strictest clients allow.
    assert own.not_valid_after_utc - own.not_valid_before_utc <= 398 * DAY
    assert own.not_valid_before_utc == NOW - 30 * DAY
    assert ca.not_valid_before_utc.year == 2020
    assert ca.not_valid_after_utc > NOW + 19 * 365 * DAY


def test_keys_are_sealed_and_the_authority_is_for_everybody(tmp_path):
    assert kept(tmp_path, VAULT) is None
    made = of_ours(tmp_path, VAULT, NAMES, NOW)
    assert kept(tmp_path, VAULT).chain == made.chain
    for name in (CA_KEY_FILE, DOOR_FILE):
        assert b"PRIVATE" not in (tmp_path / name).read_bytes()
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / CA_FILE).stat().st_mode & 0o777 == 0o644
    assert load_certificates(tmp_path / CA_FILE) == [made.chain[1]]
    with pytest.raises(SecretsError, match="sealed with another key"):
        of_ours(tmp_path, Vault(b"B" * 43 + b"="), NAMES, NOW)


def test_renewed_before_it_expires_with_the_same_key(tmp_path):
    first = of_ours(tmp_path, VAULT, NAMES, NOW)
    expires = first.chain[0].not_valid_after_utc
    assert of_ours(tmp_path, VAULT, NAMES, expires - 61 * DAY).made == ""
    second = of_ours(tmp_path, VAULT, NAMES, expires - 59 * DAY)
    assert second.made == "it expires soon"
    assert second.chain[0].not_valid_after_utc > expires + 300 * DAY
    assert second.chain[1] == first.chain[1], "the authority stays"
    assert second.key.private_numbers() == first.key.private_numbers()


def test_renewed_for_a_name_that_it_lacks_and_for_none_that_went(tmp_path):
    of_ours(tmp_path, VAULT, NAMES, NOW)
    fewer = HostNames(("nvr", "localhost"), NAMES.addresses[:1])
    assert of_ours(tmp_path, VAULT, fewer, NOW).made == ""
    other = HostNames(("nvr", "localhost"), (ipaddress.IPv4Address("192.0.2.9"),))
    renewed = of_ours(tmp_path, VAULT, other, NOW)
    assert renewed.made == "it lacks 192.0.2.9"
    assert renewed.names == other


@pytest.mark.parametrize("year", [1970, 2001, 2090, 9999])
def test_a_clock_that_is_wrong_by_years_at_the_first_start(tmp_path, year):
    wrong = dt.datetime(year, 12, 31, tzinfo=dt.UTC)
    first = of_ours(tmp_path, VAULT, NAMES, wrong)
    assert of_ours(tmp_path, VAULT, NAMES, wrong).made == "", "not again and again"
    right = of_ours(tmp_path, VAULT, NAMES, NOW)
    for one in right.chain:
        assert one.not_valid_before_utc < NOW < one.not_valid_after_utc
    assert right.chain[1] == first.chain[1], "the authority holds whatever the clock was"
    if wrong < EARLIEST_NOW:
        assert right.made == "", "what was made was valid by the clients' clocks"


def test_an_authority_that_ends_is_not_made_anew_every_minute(tmp_path):
    first = of_ours(tmp_path, VAULT, NAMES, NOW)
    end = first.chain[1].not_valid_after_utc
    last = of_ours(tmp_path, VAULT, NAMES, end - 10 * DAY)
    assert last.chain[0].not_valid_after_utc == end
    assert of_ours(tmp_path, VAULT, NAMES, end - 9 * DAY).made == ""
    assert of_ours(tmp_path, VAULT, NAMES, end + DAY).made == ""


def test_asked_for(tmp_path, keys):
    first = of_ours(tmp_path, VAULT, NAMES, NOW)
    second = of_ours(tmp_path, VAULT, NAMES, NOW, renew=True)
    assert second.made == "asked for"
    assert second.key.private_numbers() != first.key.private_numbers()
    authority = new_authority(tmp_path, VAULT, NAMES, NOW)
    third = of_ours(tmp_path, VAULT, NAMES, NOW)
    assert (third.made, third.chain[1]) == ("the authority is another one", authority)
    third.chain[0].verify_directly_issued_by(authority)
    assert (tmp_path / CA_FILE).stat().st_mode & 0o777 == 0o644


def test_half_of_it(tmp_path):
    of_ours(tmp_path, VAULT, NAMES, NOW)
    (tmp_path / CA_KEY_FILE).unlink()
    with pytest.raises(CertificateError, match=r"tls-ca-key\.sealed is gone: restore it, or move .*tls-ca\.pem aside"):
        of_ours(tmp_path, VAULT, NAMES, NOW)
    (tmp_path / CA_FILE).unlink()
    assert of_ours(tmp_path, VAULT, NAMES, NOW).made == "the authority is another one"


def test_another_authority_of_the_same_name_is_another_one(tmp_path):
    made = of_ours(tmp_path, VAULT, NAMES, NOW)
    assert reason_to_renew(made.chain[0], made.chain[1], NAMES, NOW) == ""
    assert reason_to_renew(server_certificate(), server_certificate(), HostNames(("gate.example",), ()), NOW) == ""


def test_a_certificate_without_names():
    assert names_in(server_certificate()) == HostNames(("gate.example",), ())


@pytest.mark.parametrize(
    ("days", "warned"), [(31, None), (30, 30), (8, 30), (7, 7), (1.1, 7), (1, 1), (0.01, 1), (0, 0), (-5, 0)]
)
def test_when_it_is_warned_of(days, warned):
    assert days_warned_of(NOW + days * DAY, NOW) == warned
