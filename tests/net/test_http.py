from bridge.net.http import Head, refuse


def test_parts_of_a_head() -> None:
    one = Head("GET", "/a?b", {"x": ["1", "2"]}, 0)
    assert (one.path, one.value("x"), one.values("x"), one.value("y"), one.values("y")) == (
        "/a",
        "1",
        ("1", "2"),
        "",
        (),
    )


def test_a_refusal_is_plain_text() -> None:
    reply = refuse(405, "GET only", ("Allow", "GET"))
    assert (reply.status, reply.body, reply.headers) == (405, b"GET only\n", (("Allow", "GET"),))
    assert reply.content_type.startswith("text/plain")
