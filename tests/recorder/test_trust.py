"""Who vouches for a signer, and when."""

import datetime as dt

import pytest

from bridge.recorder.trust import UntrustedError, described, fingerprint_of, name_of, vouched
from tests.recorder.exports import certificate

MADE, NOW = dt.datetime(2027, 1, 15, tzinfo=dt.UTC), dt.datetime(2028, 1, 1, tzinfo=dt.UTC)


def test_a_certificate_vouches_for_itself_and_an_authority_for_what_it_issued():
    mine, authority = certificate(), certificate(1, "Authority", ca=True)
    issued = certificate(2, "Office", issuer=1)
    assert vouched(mine, [certificate(1), mine], MADE, NOW) == []
    assert vouched(issued, [mine, authority], MADE, NOW) == []
    assert vouched(issued, [issued], MADE, NOW) == []


@pytest.mark.parametrize(
    "trusted",
    [
        [],
        [certificate(3)],
        [certificate(1, "Authority")],
        [certificate(3, "Authority", ca=True)],
    ],
    ids=["nobody", "another", "no authority", "another authority of that name"],
)
def test_nobody_else_does(trusted):
    with pytest.raises(UntrustedError, match=r"signed by CN=Office \(SHA-256 [0-9A-F:]{95}\), for whom no trusted"):
        vouched(certificate(2, "Office", issuer=1), trusted, MADE, NOW)


def test_a_certificate_of_another_time_vouches_for_nothing():
    for one in (certificate(until=2026), certificate(since=2028)):
        with pytest.raises(UntrustedError, match="on 2027-01-15, but the certificate of CN=Exporter was valid"):
            vouched(one, [one], MADE, NOW)
    old = certificate(1, "Authority", ca=True, until=2026)
    with pytest.raises(UntrustedError, match="the certificate of CN=Authority was valid from 2020-01-01 to 2026-01-01"):
        vouched(certificate(2, issuer=1), [old], MADE, NOW)


def test_one_that_expired_since_is_told():
    old = certificate(until=2028)
    (remark,) = vouched(old, [old], MADE, NOW + dt.timedelta(days=1))
    assert remark.startswith("the certificate of CN=Exporter has expired since, on 2028-01-01")


def test_names():
    one = certificate(name="A\u00df, B")
    assert name_of(one) == "CN=A\u00df\\, B"
    assert described(one) == f"{name_of(one)} (SHA-256 {fingerprint_of(one)})"
