"""Groups are a stream's own, stay, and are enough."""

from ipaddress import IPv4Address, IPv4Network

import pytest

from bridge.base.media import Medium
from bridge.base.time import ManualClock
from bridge.media.hub import Hub
from bridge.system.catalogue import Camera, Catalogue, LiveStream
from bridge.system.multicast_groups import PLACES, Group, MulticastGroups

RANGE = "239.192.0.0/16"
CLOCK = ManualClock()


def camera(name, streams=("main",)):
    return Camera(name, name, tuple(LiveStream(stream, Hub(f"{name}/{stream}", CLOCK)) for stream in streams))


def groups(*names, network=RANGE):
    catalogue = Catalogue()
    made = MulticastGroups(catalogue, network, 5)
    catalogue.replace([camera(name) for name in names])
    return catalogue, made


def test_a_group_is_made_of_the_name_alone():
    _, alone = groups("door")
    _, beside = groups("gate", "yard", "door")
    assert alone.of("door", "main") == beside.of("door", "main")
    assert alone.of("door", "sub") is None
    assert beside.of("gate", "main").ttl == 5
    # It stands in recorders' configurations: another derivation would be a change for users.
    assert alone.of("door", "main") == Group("239.192.247.70", 23_632, 5)


def test_ports_of_the_media_are_pairs_beside_each_other():
    group = Group("239.192.0.1", 16_384, 1)
    assert [group.ports(medium) for medium in Medium] == [(16_384, 16_385), (16_386, 16_387), (16_388, 16_389)]


@pytest.mark.parametrize("network", [RANGE, "239.1.2.0/24", "239.1.2.3/32", "224.0.0.0/4"])
def test_every_stream_has_a_place_of_its_own_within_the_range(network):
    names = [f"camera-{number}" for number in range(300)]
    _, made = groups(*names, network=network)
    found = [made.of(name, "main") for name in names]
    assert len({(group.host, group.first_port) for group in found}) == 300
    assert len({group.first_port for group in found}) == 300
    assert len({group.host for group in found}) == min(300, IPv4Network(network).num_addresses)
    assert all(IPv4Address(group.host) in IPv4Network(network) for group in found)
    assert all(16_384 <= group.first_port <= 32_760 and group.first_port % 8 == 0 for group in found)


def test_who_was_there_keeps_its_group():
    catalogue, made = groups("a", "b", network="239.1.2.3/32")
    before = made.of("b", "main")
    catalogue.replace([camera("new"), camera("b")])
    assert made.of("b", "main") == before
    assert made.of("a", "main") is None
    assert made.of("new", "main") not in (None, before)


def test_a_full_range_has_no_more():
    names = [f"camera-{number}" for number in range(PLACES + 1)]
    _, made = groups(*names, network="239.1.2.3/32")
    assert made.of(names[-2], "main") is not None
    assert made.of(names[-1], "main") is None


def test_more_streams_than_places_share_ports_under_groups_of_their_own():
    names = [f"camera-{number}" for number in range(PLACES + 1)]
    _, made = groups(*names)
    assert len({(group.host, group.first_port) for name in names if (group := made.of(name, "main"))}) == PLACES + 1
