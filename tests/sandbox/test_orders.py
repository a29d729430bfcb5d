from __future__ import annotations

from sandbox import orders
from sandbox.orders import Order


def test_a_program_without_an_order_is_as_always(tmp_path):
    assert orders.read(tmp_path, "web") == Order()
    orders.withdraw(tmp_path, "web")
    orders.withdraw_all(tmp_path)


def test_an_order_holds_until_it_is_withdrawn(tmp_path):
    order = Order(away=True, environment={"CLOCK_OFFSET": "300"})
    orders.give(tmp_path, "beats-0", order)
    assert orders.read(tmp_path, "beats-0") == order
    assert orders.read(tmp_path, "beats-1") == Order()
    orders.withdraw(tmp_path, "beats-0")
    assert orders.read(tmp_path, "beats-0") == Order()


def test_a_new_run_finds_no_orders(tmp_path):
    orders.give(tmp_path, "redis", Order(away=True))
    orders.withdraw_all(tmp_path)
    assert orders.read(tmp_path, "redis") == Order()
