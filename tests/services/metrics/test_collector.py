"""The page that Prometheus reads."""

from bridge.services.metrics.collector import CONTENT_TYPE, Kind, MetricsPage, Sample


def test_samples_become_lines() -> None:
    page = MetricsPage(
        [
            lambda: [
                Sample("stream_up", "1 while it delivers", 1, {"camera": "a", "stream": "main"}),
                Sample("stream_up", "1 while it delivers", 0, {"camera": 'b"', "stream": "main"}),
            ],
            lambda: [Sample("requests", "Requests answered", 7, kind=Kind.COUNTER)],
        ]
    )
    text, content_type = page.render()
    assert content_type == CONTENT_TYPE
    lines = text.decode().splitlines()
    assert 'onb_stream_up{camera="a",stream="main"} 1.0' in lines
    assert 'onb_stream_up{camera="b\\"",stream="main"} 0.0' in lines
    assert "onb_requests_total 7.0" in lines
    assert lines.count("# TYPE onb_stream_up gauge") == 1
