"""The bitmap font."""

from bridge.sim.font import GLYPHS, HEIGHT, WIDTH, rows_of


def test_every_glyph_has_the_same_shape() -> None:
    assert set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ:.-") == set(GLYPHS)
    assert {len(rows) for rows in GLYPHS.values()} == {HEIGHT}
    assert {len(row) for rows in GLYPHS.values() for row in rows} == {WIDTH}
    assert len(set(GLYPHS.values())) == len(GLYPHS)


def test_rows_are_scaled_and_unknown_signs_are_blank() -> None:
    assert rows_of("-", 3)[3] == [(3, 3), (6, 3), (9, 3)]
    assert rows_of("?", 1) == [[] for _ in range(HEIGHT)]
    assert rows_of("a", 1) == rows_of("A", 1)
