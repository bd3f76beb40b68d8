"""The short form of `make life`: a dozen kills instead of a thousand."""

from itertools import islice
from pathlib import Path

from tests.torture.life.launching import campaign
from tests.torture.life.plans import plans
from tests.torture.life.report import told

KILLS = 12


async def test_sessions_that_begin_and_end_while_servers_are_killed_leave_no_login_behind(tmp_path: Path) -> None:
    found = await campaign(tmp_path, KILLS, seed=220)
    assert found.verdict.clean, told(found)
    assert found.kills >= KILLS
    assert all(answers.get("200") for answers in found.calls.values()), found.calls
    assert found.verdict.dead
    assert found.verdict.cookies
    assert found.verdict.refreshes
    assert found.verdict.reaped
    assert found.verdict.unknown


def test_a_seed_makes_the_same_plans_every_time() -> None:
    assert [*islice(plans(3), 50)] == [*islice(plans(3), 50)]
