"""How long a server that drains still has to serve."""

import time

from connector.admin.readiness import Lifecycle


def test_a_server_that_was_drained_long_ago_need_not_wait_for_its_load_balancer() -> None:
    assert Lifecycle(since=time.monotonic() - 30).left_of(10) == 0


def test_the_time_to_drain_counts_from_the_first_word_of_it() -> None:
    lifecycle = Lifecycle(since=time.monotonic() - 30)
    lifecycle.drain()
    assert 0 < lifecycle.left_of(50) <= 20
