"""Two checkouts side by side, on servers of their own."""

import pytest

from bench.against import Pairs, main, measure
from bench.http.servers import ROOT
from bench.measure import run_on_the_servers_loop


def test_a_checkout_against_itself_has_a_ratio_for_each_figure() -> None:
    rows = run_on_the_servers_loop(measure(ROOT, rounds=1, starts=1, share=0.05))

    assert [row[0] for row in rows if float(row[3]) > 0] == [
        "start until it serves (s)",
        "memory of an idle server (MB)",
        "cleanups, something cached (per second)",
        "processor time of a cleanup, something cached (microseconds)",
        "99 of 100 are answered within, something cached (ms)",
        "cleanups, nothing cached (per second)",
        "processor time of a cleanup, nothing cached (microseconds)",
        "99 of 100 are answered within, nothing cached (ms)",
        "processor time of an initialize (microseconds)",
        "processor time of a call of a session (microseconds)",
        "processor time of a cleanup of an open session (microseconds)",
        "whole lives (per second)",
        "processor time of a whole life (microseconds)",
    ]


def test_a_ratio_is_that_of_the_medians_beside_those_of_neighbours() -> None:
    assert Pairs([1.0, 2.0, 9.0], [2.0, 4.0, 3.0]).row("taken", "s") == ("taken (s)", "2", "3", "0.67", "0.50 to 3.00")


def test_a_checkout_without_a_python_is_refused_by_name(capsys: pytest.CaptureFixture[str], tmp_path: object) -> None:
    with pytest.raises(SystemExit):
        main([str(tmp_path)])

    assert "there is no .venv/bin/python" in capsys.readouterr().err
