"""Facts of the host, read from a folder that looks like one."""

import datetime as dt
import ipaddress

import pytest

from bridge.base.time import NS_PER_S
from bridge.services.onvif.host import Host, HostFacts, read_host


@pytest.fixture
def root(tmp_path):
    def write(path, text):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())

    def interface(name, mac, *, real, kind="1", flags="0x1003"):
        write(f"sys/class/net/{name}/address", mac + "\n")
        write(f"sys/class/net/{name}/type", kind + "\n")
        write(f"sys/class/net/{name}/mtu", "1500\n")
        write(f"sys/class/net/{name}/flags", flags + "\n")
        if real:
            write(f"sys/class/net/{name}/device/vendor", "x")

    interface("lo", "00:00:00:00:00:00", real=False, kind="772")
    interface("enp-test0", "02:00:00:00:00:01", real=True)
    interface("enp-test1", "02:00:00:00:00:02", real=True, flags="0x1002")
    interface("docker-test", "02:00:00:00:00:03", real=False)
    write(
        "proc/net/route",
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
        "enp-test0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        "enp-test0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
        "broken line\n",
    )
    write("proc/net/if_inet6", "20010db8000000000000000000000005 02 40 00 80 enp-test0\nnonsense\n")
    write(
        "proc/net/ipv6_route",
        f"{'0' * 32} 00 {'0' * 32} 00 fe800000000000000000000000000001 00000400 1 0 00000003 enp-test0\n",
    )
    write(
        "etc/resolv.conf",
        "# a comment\nsearch example.net example.org\nnameserver 192.0.2.53\nnameserver fe80::1%eth0\nnameserver x\n",
    )
    write("etc/systemd/timesyncd.conf", "[Time]\nNTP=ntp1.example.net ntp2.example.net\n#FallbackNTP=no\n")
    write("etc/chrony/chrony.conf", "pool ntp.example.org iburst\nserver ntp1.example.net\n")
    write("etc/localtime", b"TZif2" + bytes(60) + b"\nCET-1CEST,M3.5.0,M10.5.0/3\n")
    return tmp_path


def test_everything(root):
    facts = read_host(root)
    # The one that leads outside comes last, those of containers not at all.
    assert [interface.name for interface in facts.interfaces] == ["enp-test1", "enp-test0"]
    outward = facts.interfaces[-1]
    assert (outward.mac, outward.mtu, outward.up) == ("02:00:00:00:00:01", 1500, True)
    assert outward.addresses == (ipaddress.IPv6Interface("2001:db8::5/64"),)
    assert not facts.interfaces[0].up
    assert facts.gateways == ("192.0.2.1", "fe80::1")
    assert facts.search_domains == ("example.net", "example.org")
    assert facts.name_servers == ("192.0.2.53", "fe80::1")
    assert facts.time_servers == ("ntp1.example.net", "ntp2.example.net", "ntp.example.org")
    assert facts.posix_tz == "CET-1CEST,M3.5.0,M10.5.0/3"
    assert facts.hostname


def test_nothing_readable(tmp_path):
    facts = read_host(tmp_path)
    assert (facts.interfaces, facts.gateways, facts.name_servers, facts.posix_tz) == ((), (), (), "UTC0")


def test_this_machine():
    facts = Host().facts(0)
    assert all(interface.mac for interface in facts.interfaces)
    local, _daylight_saving = facts.local_time(1_700_000_000)
    assert local.timestamp() == 1_700_000_000


def test_kept_for_a_minute(root):
    host = Host(root)
    first = host.facts(0)
    assert host.facts(59 * NS_PER_S) is first
    assert host.facts(60 * NS_PER_S) is not first
    assert host.facts(0) is not first  # the clock was set back


def test_default_facts_tell_the_time_in_utc():
    assert HostFacts().local_time(0) == (dt.datetime(1970, 1, 1, tzinfo=dt.UTC), False)
