import pytest

from bridge.system.database import open_database
from bridge.system.views import MAX_PER_USER, TooManyViewsError, Views


@pytest.fixture
def views(tmp_path):
    database = open_database(tmp_path, "")
    yield Views(database)
    database.close()


def save(views, view_id, owner, name="a", *, shared=False):
    return views.save(view_id, owner, name, "{}", 1, shared=shared)


def test_saved_found_and_removed(views):
    made = save(views, None, "ann")
    assert len(made.id) == 16
    assert views.find(made.id) == made
    assert save(views, made.id, "ann", "b", shared=True).name == "b"
    assert (views.find(made.id).name, views.find(made.id).shared) == ("b", True)
    assert views.remove(made.id)
    assert not views.remove(made.id)
    assert views.find(made.id) is None


def test_who_sees_which(views):
    save(views, "1", "ann", "z")
    save(views, "2", "ann", "y", shared=True)
    save(views, "3", "bob", "x")
    assert [view.id for view in views.seen_by("ann")] == ["2", "1"]
    assert [view.id for view in views.seen_by("bob")] == ["3", "2"]
    assert [view.id for view in views.seen_by("carl")] == ["2"]


def test_an_id_of_another_is_not_taken(views):
    save(views, "1", "ann")
    assert save(views, "1", "bob") is None
    assert views.find("1").owner == "ann"


def test_bounds(views):
    for number in range(MAX_PER_USER):
        save(views, str(number), "ann")
    with pytest.raises(TooManyViewsError, match="remove one first"):
        save(views, None, "ann")
    assert save(views, "7", "ann", "again").name == "again"
    save(views, None, "bob")
