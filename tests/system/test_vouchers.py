"""Who is known at an address, for how long, and how many are kept."""

from bridge.base.time import MonotonicNs
from bridge.system.vouchers import LIFETIME_NS, TABLE_SIZE, Vouchers

NOW = MonotonicNs(5)


def test_the_latest_user_of_an_address_for_a_while():
    vouchers = Vouchers()
    assert vouchers.user_at("192.0.2.1", NOW) is None
    vouchers.prove("192.0.2.1", "ann", NOW)
    vouchers.prove("192.0.2.2", "bob", NOW)
    assert vouchers.user_at("192.0.2.1", MonotonicNs(NOW + LIFETIME_NS - 1)) == "ann"
    assert vouchers.user_at("192.0.2.1", MonotonicNs(NOW + LIFETIME_NS)) is None
    vouchers.prove("192.0.2.1", "bob", NOW)
    assert vouchers.user_at("192.0.2.1", NOW) == "bob"


def test_the_table_is_bounded():
    vouchers = Vouchers()
    for number in range(TABLE_SIZE + 1):
        vouchers.prove(f"address {number}", "ann", NOW)
    assert vouchers.user_at("address 0", NOW) is None
    assert vouchers.user_at("address 1", NOW) == "ann"
