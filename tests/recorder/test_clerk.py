import threading

from bridge.recorder import clerk as module
from bridge.recorder.clerk import Clerk


def test_in_order_and_all_of_it_before_the_stop():
    clerk, done = Clerk(), []
    for number in range(100):
        assert clerk.ask(lambda number=number: done.append(number))
    assert clerk.stop(10)
    assert done == list(range(100))


def test_while_it_hangs_a_bounded_number_waits_and_nobody_is_held_up():
    clerk, free = Clerk(), threading.Event()
    clerk.ask(lambda: free.wait(20))
    asked = [clerk.ask(lambda: None) for _ in range(module.MAX_WAITING + 2)]
    assert not asked[-1]
    assert asked.count(True) in (module.MAX_WAITING - 1, module.MAX_WAITING)
    assert not clerk.stop(0.02)
    free.set()
