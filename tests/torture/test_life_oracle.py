"""The oracle of the life of sessions: it finds each kind of fault in a history, and finds no fault with what may be."""

from tests.torture.life.calls import NO_TICK, Life, Seen
from tests.torture.life.faults import Wrong
from tests.torture.life.logins import Asked, Beyond, Login, Way
from tests.torture.life.oracle import judged
from tests.torture.life.told import Told


def test_a_life_in_good_order_shows_no_fault() -> None:
    told = Told()
    told.initialize("a")
    told.use("a")
    told.dies()
    told.use("a")
    told.cleanup("a")
    told.use("a", 401)
    told.cleanup("a")
    told.initialize("b")
    told.use("b")
    told.dies(killed=False)
    verdict = judged(told.history())
    assert verdict.clean
    assert (verdict.logins, verdict.dead, verdict.open, verdict.under_way) == (2, 1, 1, 0)


def test_a_login_that_was_answered_may_not_be_lost() -> None:
    told = Told(lost={"a"})
    told.initialize("a")
    told.dies()
    assert told.found() == {Wrong.LOST}


def test_a_login_that_no_kill_has_met_may_not_be_lost() -> None:
    told = Told(lost={"a"})
    told.initialize("a", None)
    told.dies(killed=False)
    assert told.found() == {Wrong.LOST}


def test_a_login_that_was_under_way_at_a_kill_is_counted() -> None:
    told = Told(lost={"a", "b"})
    told.initialize("a", None)
    told.logins["a"].told = 100.0
    told.initialize("b", None)
    told.dies()
    verdict = judged(told.history())
    assert verdict.clean
    assert (verdict.under_way, verdict.lost_unanswered, verdict.lost_unrecorded) == (2, 1, 1)


def test_a_pause_does_not_count_as_time_in_which_a_server_ran() -> None:
    life = Life("told", 0.0, 10.0, killed=True, pauses=[(2.0, 5.0), (7.0, 8.0)])
    assert life.ran(1.0) == 5.0
    assert life.ran(3.0) == 4.0
    assert life.ran(9.0) == 1.0


def test_a_login_without_a_caller_is_under_way_until_another_one_was_opened() -> None:
    told = Told(lost={"a"})
    told.initialize("a", None)
    told.initialize("b", session="other")
    told.dies()
    assert told.found() == {Wrong.LOST}


def test_a_late_login_is_under_way_until_it_is_answered_and_another_one_opened() -> None:
    told = Told(lost={"a"})
    told.initialize("a", 503, "timeout")
    told.logins["a"].told = 2.5
    told.initialize("b", session="other")
    assert told.dies().died > 2.5
    assert not told.found()
    told.logins["a"].told = 1.5
    assert told.found() == {Wrong.LOST}


def test_a_login_that_a_full_disk_did_not_take_is_under_way_until_there_is_room() -> None:
    told = Told(lost={"a"}, crowded=[(0.5, 2.5)])
    told.initialize("a", 409, "session_closed")
    told.initialize("b", session="other")
    told.dies()
    assert not told.found()
    told.lives[0].died = 2.5 + 60
    assert told.found() == {Wrong.LOST}


def test_a_disk_that_is_full_before_a_login_can_be_known_to_be_recorded_counts_too() -> None:
    told = Told(lost={"a"})
    told.initialize("a", None)
    other = told.initialize("b", session="other")
    told.dies()
    assert told.found() == {Wrong.LOST}
    told.crowded = [(other.left - 0.1, 100.0)]
    assert not told.found()
    told.crowded = [(other.left + 0.1, 100.0)]
    assert told.found() == {Wrong.LOST}


def test_a_login_whose_answer_the_end_system_broke_off_is_counted_apart() -> None:
    told = Told(lost={"a"})
    told.initialize("a", 503, "connection")
    told.logins["a"].untold = True
    told.dies(killed=False)
    verdict = judged(told.history())
    assert (verdict.clean, verdict.untold) == (True, 1)


def test_a_login_that_was_being_refreshed_at_a_kill_is_counted() -> None:
    told = Told(lost={"a"})
    told.initialize("a")
    refresh = told.refresh("a")
    life = told.dies()
    verdict = judged(told.history())
    assert verdict.clean
    assert (verdict.refreshes, verdict.forgotten, verdict.lost_renewed) == (1, 1, 1)
    assert verdict.longest_renewed == life.died - refresh.told


def test_a_login_whose_refresh_must_have_been_recorded_may_not_be_lost() -> None:
    told = Told(lost={"a"})
    told.initialize("a")
    refresh = told.refresh("a")
    other = told.initialize("b", session="other")
    told.dies()
    assert Wrong.LOST in told.found()
    other.began = refresh.told - 0.1
    assert not told.found()
    refresh.carried = refresh.used = refresh.told + 0.1
    assert Wrong.LOST in told.found()


def test_a_cookie_that_a_cleanup_without_a_ledger_carries_may_be_lost_at_a_kill() -> None:
    told = Told(lost={"a"})
    told.initialize("a")
    cookie = told.logins["a"].renew(told.use("a").began)
    cookie.told = cookie.asked + 0.1
    assert Wrong.LOST in told.found(), "the older one is good"
    cookie.carried = told.cleanup("a", None).began
    told.dies()
    assert Wrong.LOST in told.found()
    told.crowded = [(cookie.asked, cookie.carried)]
    assert not told.found()
    told.logins["a"].good_from = 1
    told.logins["a"].renew(cookie.carried)
    assert not told.found(), "nobody knows of a newer one"
    cookie.used = cookie.carried
    assert Wrong.LOST in told.found()


def test_a_login_that_is_refreshed_by_a_server_that_ends_by_itself_may_not_be_lost() -> None:
    told = Told(lost={"a"})
    told.initialize("a")
    told.refresh("a")
    told.dies(killed=False)
    assert Wrong.LOST in told.found()


def test_a_login_whose_refresh_the_end_system_broke_off_is_counted_apart() -> None:
    told = Told(lost={"a"})
    told.initialize("a")
    told.refresh("a").untold = told.logins["a"].untold = True
    told.use("a", 401)
    verdict = judged(told.history())
    assert (verdict.clean, verdict.untold, verdict.forgotten) == (True, 1, 0)
    assert not [*told.history().left_open()]


def test_a_session_may_be_turned_away_whose_refresh_was_refused_meanwhile() -> None:
    told = Told()
    told.initialize("a")
    call = told.use("a", 401)
    told.logins["a"].refused.append(call.began + 0.1)
    assert not told.found()
    told.use("a")
    told.use("a", 401)
    assert told.found() == {Wrong.TURNED_AWAY}


def test_a_server_that_was_told_of_a_new_credential_does_not_spend_the_old_one_again() -> None:
    told = Told()
    told.initialize("a")
    refresh = told.refresh("a")
    refresh.carried = refresh.told
    told.logins["a"].spent_again.append((told.use("a").left, 0))
    assert told.found() == {Wrong.DEFECT}
    refresh.untold = True
    assert not told.found()


def test_a_server_that_follows_another_may_spend_what_that_one_has_spent() -> None:
    told = Told(lost={"a"})
    told.initialize("a")
    told.refresh("a")
    told.dies()
    told.logins["a"].spent_again.append((told.use("a", 401).left, 0))
    assert not told.found()


def test_a_cookie_is_good_until_a_newer_one_was_used() -> None:
    login = Login("a", "a", 0.0)
    for _ in range(2):
        login.renew(0.0)
    assert all(login.carried(number, 1.0) for number in (0, 1, 1))
    assert [login.carried(number, 2.0) for number in (0, 1, 3)] == [False, True, False]


def test_a_credential_is_good_for_nothing_once_it_was_spent() -> None:
    login = Login("a", "a", 0.0)
    refresh = login.refresh(1.0)
    assert not login.carried(0, 2.0)
    assert login.carried(1, 3.0, to_end=True)
    assert login.carried(1, 4.0)
    assert (refresh.carried, refresh.used) == (3.0, 4.0)


def test_a_login_may_not_outlive_the_cleanup_of_its_session_once_nothing_is_owed() -> None:
    told = Told()
    told.initialize("a")
    told.cleanup("a", 502, "logout_refused")
    assert told.found() == {Wrong.NOT_ENDED}


def test_a_login_may_not_outlive_the_one_that_replaces_it_once_nothing_is_owed() -> None:
    told = Told()
    told.initialize("a")
    told.initialize("b")
    assert told.found() == {Wrong.NOT_ENDED}


def test_a_login_that_overlaps_with_a_cleanup_may_be_open_after_it() -> None:
    told = Told()
    cleanup = told.cleanup(None, word="not_applicable")
    initialize = told.initialize("a")
    initialize.began = cleanup.began + 0.1
    assert not told.found()


def test_no_seal_is_served_after_the_cleanup_of_its_session() -> None:
    told = Told()
    told.initialize("a")
    told.cleanup("a")
    told.dies()
    told.use("a")
    assert Wrong.DEAD_SEAL in told.found()


def test_no_seal_is_served_after_its_session_was_opened_anew() -> None:
    told = Told()
    told.initialize("a")
    told.initialize("b")
    told.use("a")
    assert Wrong.DEAD_SEAL in told.found()


def test_a_seal_may_be_served_while_the_cleanup_is_under_way() -> None:
    told = Told()
    told.initialize("a")
    cleanup = told.cleanup("a")
    told.use("a").began = cleanup.began + 0.05
    assert not told.found()


def test_nothing_is_read_after_a_cleanup_that_was_loaded_before_it() -> None:
    told = Told()
    told.initialize("a")
    old = told.loaded("a")
    told.cleanup("a")
    told.initialize("b")
    told.use("b", own=old)
    assert told.found() == {Wrong.STALE}


def test_nothing_is_read_in_a_session_that_an_earlier_login_of_it_has_loaded() -> None:
    told = Told()
    told.initialize("a")
    told.initialize("b")
    told.alive.remove("a")
    told.use("b", own=Seen("a", 100))
    assert told.found() == {Wrong.STALE}


def test_nothing_is_read_after_a_global_cleanup_that_was_loaded_before_it() -> None:
    told = Told()
    told.initialize("a")
    told.initialize("b", session="other")
    own, shared = told.loaded("b"), told.loaded("b")
    told.cleanup("a", whole=True)
    told.use("b", own=own, session="other")
    assert told.found() == {Wrong.STALE}
    told.calls[-1].own = told.loaded("b")
    assert not told.found()
    told.calls[-1].shared = shared
    assert told.found() == {Wrong.STALE}


def test_what_its_system_shares_outlives_the_cleanup_of_a_session() -> None:
    told = Told()
    told.initialize("a")
    shared = told.loaded("a")
    told.cleanup("a")
    told.initialize("b")
    told.use("b", shared=shared)
    assert not told.found()


def test_nothing_is_asked_of_the_end_system_after_a_200_that_said_that_all_is_done() -> None:
    told = Told()
    told.initialize("a")
    told.cleanup("a")
    told.logins["a"].asked_to_end.append(Asked(100.0, 0))
    assert told.found() == {Wrong.TWICE}


def test_a_credential_made_during_the_cleanup_may_be_asked_for_after_the_200() -> None:
    told = Told()
    told.initialize("a")
    cleanup = told.cleanup("a")
    renewal = told.logins["a"].renew(cleanup.began)
    renewal.told = cleanup.began + 0.1
    told.logins["a"].asked_to_end.append(Asked(100.0, 1))
    assert not told.found()
    renewal.told = cleanup.began - 0.1
    assert told.found() == {Wrong.TWICE}


def test_a_server_that_cannot_write_its_ledger_may_ask_once_more() -> None:
    told = Told()
    told.initialize("a")
    told.cleanup("a")
    again = told.cleanup("a", 503, "ledger_unavailable")
    told.logins["a"].asked_to_end.append(Asked(again.began + 0.1, 0))
    assert not told.found()
    again.status, again.word = None, ""
    assert told.found() == {Wrong.TWICE}
    told.crowded.append((again.began - 0.5, again.began - 0.1))
    assert not told.found()


def test_a_server_that_cannot_write_its_ledger_may_go_on_asking_until_it_can() -> None:
    told = Told()
    told.initialize("a")
    told.cleanup("a")
    again = told.cleanup("a", 503, "ledger_unavailable")
    told.crowded.append((again.began, again.left + 10))
    told.logins["a"].asked_to_end.append(Asked(again.left + 11, 0))
    assert not told.found()
    told.logins["a"].asked_to_end.append(Asked(again.left + 20, 0))
    assert told.found() == {Wrong.TWICE}


def test_a_cleanup_whose_outcome_a_full_disk_did_not_take_may_be_done_again() -> None:
    told = Told()
    told.initialize("a")
    cleanup = told.cleanup("a")
    told.logins["a"].asked_to_end.append(Asked(100.0, 0))
    assert told.found() == {Wrong.TWICE}
    told.crowded.append((cleanup.left - 0.1, cleanup.left + 0.1))
    assert not told.found()


def test_a_session_that_nobody_has_ended_is_not_turned_away() -> None:
    told = Told()
    told.initialize("a")
    told.dies()
    told.use("a", 401).began = 2.05
    assert told.found() == {Wrong.TURNED_AWAY}


def test_a_session_may_be_turned_away_after_a_cleanup_that_was_not_answered() -> None:
    told = Told()
    told.initialize("a")
    told.cleanup("a", None)
    told.dies()
    told.use("a", 401)
    assert not told.found()


def test_a_session_without_a_login_is_not_open_and_one_with_a_login_is() -> None:
    told = Told(rows={"s"})
    told.initialize("a")
    told.cleanup("a")
    assert told.found() == {Wrong.OPEN_ON_PAPER}
    told.cleanup("a", 503, "ledger_unavailable")
    assert not told.found()
    told.initialize("b", session="other")
    assert told.found() == {Wrong.OPEN_ON_PAPER}


def test_a_500_and_a_404_for_a_seal_of_ours_are_defects() -> None:
    for status in (500, 404):
        told = Told()
        told.initialize("a")
        told.cleanup("a", status)
        assert told.found() == {Wrong.DEFECT}


def test_a_session_that_has_to_be_open_is_found() -> None:
    told = Told()
    told.initialize("a")
    told.initialize("b", 503, "timeout")
    told.dies()
    told.initialize("c", session="other")
    assert [call.ticket for call in told.history().left_open()] == ["c"]


def test_a_call_that_was_turned_away_for_good_is_not_excused_by_a_full_disk() -> None:
    told = Told()
    told.initialize("a")
    told.cleanup("a", 503, "ledger_unavailable")
    turned_away = told.use("a", 401)
    told.dies()
    told.use("a")
    assert not told.found(), "the cleanup could not be recorded"
    turned_away.word = "unknown_session"
    assert told.found() == {Wrong.DEAD_SEAL}


def test_a_session_of_a_server_without_ticks_may_not_be_turned_away_for_being_idle() -> None:
    told = Told()
    told.initialize("a")
    use = told.use("a")
    told.use("a", 401).began = use.left + 0.6
    assert not told.found()
    told.lives[0].tick = NO_TICK
    assert told.found() == {Wrong.TURNED_AWAY}


def test_a_session_that_was_idle_for_long_enough_may_be_turned_away() -> None:
    told = Told()
    told.initialize("a")
    use = told.use("a")
    told.use("a", 401).began = use.left + 0.1
    assert told.found() == {Wrong.TURNED_AWAY}
    told.calls[-1].began = use.left + 0.6
    assert not told.found()


def test_a_call_that_runs_is_use_until_it_ends() -> None:
    told = Told()
    told.initialize("a")
    use = told.use("a")
    use.left += 5.0
    gone = told.use("a", 401)
    gone.began = use.left + 0.1
    assert told.found() == {Wrong.TURNED_AWAY}
    use.status = None
    assert not told.found()


def test_use_that_a_kill_may_have_met_before_a_tick_does_not_keep_a_session() -> None:
    told = Told()
    told.initialize("a")
    use = told.use("a")
    told.dies().died = told.lives[-1].started = use.left + 0.1
    told.use("a", 401).began = use.left + 0.2
    assert not told.found()
    told.lives[0].died = told.lives[1].started = use.left + 0.45
    told.calls[-1].began = use.left + 0.5
    assert not told.found(), "idle for two ticks"


def test_no_seal_is_served_after_it_was_turned_away_or_its_login_was_asked_to_end() -> None:
    told = Told()
    told.initialize("a")
    gone = told.use("a", 401)
    gone.began += 0.5  # idle for long enough
    told.use("a")
    assert not told.found()
    gone.word = "unknown_session"
    assert told.found() == {Wrong.DEAD_SEAL}
    gone.word = ""
    told.logins["a"].asked_to_end.append(Asked(gone.left, 0))
    assert told.found() == {Wrong.DEAD_SEAL}
    told.calls[-1].began = gone.left - 0.1
    assert not told.found()


def test_a_cleanup_that_comes_while_a_login_is_under_way_ends_it() -> None:
    told = Told()
    initialize = told.initialize("a")
    told.cleanup(None, word="not_applicable").began = initialize.began + 0.2
    told.alive.add("a")
    assert told.found() == {Wrong.NOT_ENDED}
    told.calls[-1].began = initialize.began + 0.05
    assert not told.found()
    told.use("a")
    told.calls[-2].began = initialize.began + 0.2
    assert told.found() == {Wrong.NOT_ENDED, Wrong.DEAD_SEAL}


def test_a_login_beyond_the_licence_is_a_fault_unless_nobody_could_know_of_another() -> None:
    told = Told(lost={"a"})
    for ticket in ("a", "b", "c", "d"):
        told.initialize(ticket, session=ticket)
    told.lost.clear()
    told.beyond.append(Beyond("d", 100.0, frozenset(["a", "b", "c"])))
    assert told.found() == {Wrong.BEYOND}
    cookie = told.logins["a"].renew(told.use("a").began)
    cookie.told = cookie.asked + 0.1
    cookie.carried = told.cleanup("a", None, session="a").began
    told.crowded = [(cookie.asked, cookie.carried)]
    told.dies()
    verdict = judged(told.history())
    assert (verdict.clean, verdict.excused) == (True, 1)


def test_a_login_whose_refresh_is_in_doubt_holds_its_seat_and_has_a_row() -> None:
    told = Told(lost={"a"})
    for ticket in ("a", "b", "c", "d"):
        told.initialize(ticket, session=ticket)
    told.refresh("a").untold = told.logins["a"].untold = True
    assert not told.found()
    told.unknown = []
    assert told.found() == {Wrong.NO_TRACE}
    told.unknown = ["a", "a"]
    assert told.found() == {Wrong.NO_CAUSE}
    told.unknown = None
    told.beyond.append(Beyond("d", 100.0, frozenset(["a", "b", "c"])))
    assert told.found() == {Wrong.BEYOND}


def test_a_refresh_that_has_failed_may_be_listed_although_nothing_was_made() -> None:
    told = Told(unknown=["s"])
    told.initialize("a")
    told.logins["a"].way = Way.REFRESH
    call = told.use("a")
    told.cleanup("a")
    assert told.found() == {Wrong.NO_CAUSE}
    call.status = 503
    assert not told.found()


def test_an_initialize_that_finds_no_seat_is_a_fault_if_fewer_logins_may_hold_one() -> None:
    told = Told()
    for ticket in ("a", "b", "c"):
        told.initialize(ticket, session=ticket)
    told.initialize("d", 403, "no_seat", session="d")
    del told.logins["d"]
    told.alive.remove("d")
    assert not told.found()
    told.logins["a"].proved_dead = 2.0
    told.alive.remove("a")
    told.rows = {"b", "c"}
    assert told.found() == {Wrong.STALLED}
    told.crowded = [(2.1, 2.2)]
    assert not told.found()


def test_a_403_that_is_no_limit_of_seats_is_a_defect() -> None:
    told = Told()
    told.initialize("a", 403, "forbidden")
    told.alive.remove("a")
    assert told.found() == {Wrong.DEFECT}


def test_a_login_that_a_kill_has_met_has_a_row_as_an_unknown_one() -> None:
    told = Told(lost={"a"}, unknown=["s"])
    told.initialize("a", None)
    told.dies()
    verdict = judged(told.history())
    assert (verdict.clean, verdict.unknown, verdict.met_by_a_kill) == (True, 1, 1)
    told.unknown = []
    assert told.found() == {Wrong.NO_TRACE}
    told.unknown = ["s", "s"]
    assert told.found() == {Wrong.NO_CAUSE}


def test_a_login_is_not_unknown_without_a_kill_or_a_connection_that_was_reset() -> None:
    told = Told(unknown=["s"])
    told.initialize("a", 503, "connection")
    told.alive.remove("a")
    assert told.found() == {Wrong.NO_CAUSE}
    told.closed.append(1.5)
    assert not told.found()
