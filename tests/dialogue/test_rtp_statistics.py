"""Reception statistics and report blocks."""

from bridge.base.time import NS_PER_MS, MonotonicNs
from bridge.dialogue.rtp_statistics import ReceptionStatistics
from bridge.wire import rtcp


def test_a_report_counts_since_the_one_before():
    statistics = ReceptionStatistics(90000, 7, 1000)
    statistics.packets, statistics.skipped = 75, 25
    block = statistics.report_block(MonotonicNs(0))
    assert (block.fraction_lost, block.cumulative_lost, block.highest_sequence) == (64, 25, 1099)
    statistics.packets += 10
    block = statistics.report_block(MonotonicNs(0))
    assert (block.fraction_lost, block.cumulative_lost, block.highest_sequence) == (0, 25, 1109)
    assert statistics.report_block(MonotonicNs(0)).fraction_lost == 0


def test_bounds_of_a_report():
    statistics = ReceptionStatistics(90000, 7, 0)
    statistics.skipped = 100
    assert statistics.report_block(MonotonicNs(0)).fraction_lost == 255
    statistics.late = 300
    block = statistics.report_block(MonotonicNs(0))
    assert (block.fraction_lost, block.cumulative_lost) == (0, -200)
    assert rtcp.parse(rtcp.encode([rtcp.ReceiverReport(1, (block,))])) == [rtcp.ReceiverReport(1, (block,))]


def test_an_even_stream_has_no_jitter_and_an_uneven_one_has():
    statistics = ReceptionStatistics(90000, 7, 0)
    for number in range(100):
        statistics.on_timestamp(3600 * number & 0xFFFFFFFF, MonotonicNs(40 * NS_PER_MS * number))
    assert statistics.jitter == 0
    for number in range(100, 300):
        late_ms = 10 * (number % 2)
        statistics.on_timestamp(3600 * number & 0xFFFFFFFF, MonotonicNs((40 * number + late_ms) * NS_PER_MS))
    assert 850 <= statistics.jitter <= 910


def test_delay_since_the_last_sender_report():
    statistics = ReceptionStatistics(90000, 7, 0)
    assert statistics.report_block(MonotonicNs(5)).delay_since_last_sr == 0
    statistics.on_sender_report(rtcp.SenderReport(7, 0x0123_4567_89AB_CDEF, 0), MonotonicNs(1000 * NS_PER_MS))
    block = statistics.report_block(MonotonicNs(1500 * NS_PER_MS))
    assert (block.last_sr, block.delay_since_last_sr) == (0x4567_89AB, 32768)
