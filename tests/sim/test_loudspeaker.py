import zlib

from bridge.base.time import NS_PER_S, ManualClock
from bridge.sim.loudspeaker import Loudspeaker
from tests.fake_camera import rtp


def test_it_knows_what_it_was_given():
    clock = ManualClock(monotonic_ns=0)
    loudspeaker = Loudspeaker(clock)
    loudspeaker.line.take("ann", print)
    sounds = [bytes([number]) * 160 for number in range(75)]
    for number, sound in enumerate(sounds):
        packet = rtp(number, sound, timestamp=160 * number, payload_type=0)
        assert loudspeaker.line.push("ann", memoryview(packet), clock.monotonic_ns())
        clock.advance(NS_PER_S // 50)
    assert loudspeaker.packets == 75
    assert loudspeaker.last_second == b"".join(sounds[-51:])
    assert loudspeaker.played_crc32 == zlib.crc32(b"".join(sounds))
