"""What somebody sees and does in the console: sessions, what is owed, and each action with its question and its answer."""

from html import unescape

from connector.model.outcomes import LogoutOutcome, LogoutResult
from tests.console.visitor import Visitor, visitor_of
from tests.control.administered import TOKEN, Administered


async def test_sessions_are_listed_without_their_credentials(server: Administered, visitor: Visitor) -> None:
    opened = await server.open(1)
    await server.begin(2, unanswered=True)

    seen = await visitor.get("/sessions")

    assert opened.session_id in seen.words
    assert "open" in seen.words
    assert "look for it in the end system, and end it there" in seen.words
    assert TOKEN not in seen.text


async def test_sessions_are_filtered_by_system_and_state(server: Administered, visitor: Visitor) -> None:
    await server.open(1, system_id="A")
    await server.open(2, system_id="B & C")
    await server.begin(3)

    of_b = await visitor.get("/sessions?system=B+%26+C&state=&idle=")
    under_way = await visitor.get("/sessions?state=opening")

    assert [number for number in "123" if f"00000000000{number}" in of_b.text] == ["2"]
    assert [number for number in "123" if f"00000000000{number}" in under_way.text] == ["3"]


async def test_a_page_holds_a_hundred_sessions_and_leads_to_the_next_ones(server: Administered, visitor: Visitor) -> None:
    for number in range(1, 103):
        await server.open(number)

    first = await visitor.get("/sessions?system=A")
    following = first.text.rpartition('rel="next"')[0].rpartition('href="')[2].partition('"')[0]
    second = await visitor.ask("GET", following.replace("&amp;", "&"))

    assert first.text.count("<tr>") == 101
    assert second.text.count("<tr>") == 3
    assert "system=A" in following


async def test_a_session_is_closed_after_a_question_and_what_became_of_it_is_told(server: Administered, visitor: Visitor) -> None:
    opened = await server.open(1)
    path = f"/sessions/{opened.session_id}/close"

    asked = await visitor.get(f"{path}?login=login+1")
    assert server.live.login_of(opened.session_id) == "login 1"
    told = await visitor.post(path, asked.form("/close"))
    again = await visitor.post(path, asked.form("/close"))

    assert "Close this session?" in asked.words
    assert "The session is closed Session" in told.words
    assert "Logout acknowledged" in told.words
    assert "Cache memory evicted" in told.words
    assert (again.status, "the session is not open" in again.words) == (404, True)


async def test_a_closed_session_whose_end_system_is_away_is_told_as_owed(server: Administered, visitor: Visitor) -> None:
    opened = await server.open(1)
    server.end_system.behaviour = LogoutOutcome(LogoutResult.PENDING, "503")
    path = f"/sessions/{opened.session_id}/close"

    told = await visitor.post(path, (await visitor.get(f"{path}?login=login+1")).form("/close"))

    assert "its logout is owed: it is tried again" in told.words


async def test_another_login_than_the_one_that_was_shown_is_not_closed(server: Administered, visitor: Visitor) -> None:
    opened = await server.open(1)
    path = f"/sessions/{opened.session_id}/close"
    fields = (await visitor.get(f"{path}?login=login+1")).form("/close")

    told = await visitor.post(path, {**fields, "login": "login 0"})

    assert (told.status, "another login" in told.words) == (404, True)
    assert server.live.login_of(opened.session_id) == "login 1"


async def test_an_unknown_login_is_dismissed_after_a_question(server: Administered, visitor: Visitor) -> None:
    session = await server.begin(1, unanswered=True)
    path = f"/sessions/{session.session_id}/dismiss"

    asked = await visitor.get(f"{path}?login=login+1")
    told = await visitor.post(path, asked.form("/dismiss"))

    assert "end it there: otherwise it stays open" in asked.words
    assert "The login is dismissed" in told.words
    assert "There is no such session" in (await visitor.get("/sessions")).words


async def test_a_logout_is_tried_again_and_the_page_looks_until_it_is_over(server: Administered, visitor: Visitor) -> None:
    debt = await server.refused(1)
    path = f"/owed/{debt.id}"

    asked = await visitor.get(f"{path}/retry")
    told = await visitor.post(f"{path}/retry", asked.form("/retry"))
    meanwhile = await visitor.get(f"{path}/tried?attempts=1")
    over = await visitor.get(f"{path}/tried?attempts=0")

    assert "Try this logout again?" in asked.words
    assert "no such site" in asked.words
    assert server.nudged.is_set()
    assert "The logout is being tried" in told.words
    assert f'hx-get="{visitor.base}{path}/tried?attempts=1"' in told.text
    assert f'hx-get="{visitor.base}{path}/tried?attempts=1"' in meanwhile.text
    assert ("tried again later" in over.words, "hx-trigger" in over.text.partition("told")[2]) == (True, False)


async def test_a_logout_is_dismissed_with_a_reason_and_not_without(server: Administered, visitor: Visitor) -> None:
    debt = await server.refused(1)
    path = f"/owed/{debt.id}/dismiss"
    fields = (await visitor.get(path)).form("/dismiss")

    unreasoned = await visitor.post(path, fields)
    told = await visitor.post(path, {**fields, "reason": "ended by hand"})

    assert unreasoned.status == 400
    assert "The logout is dismissed" in told.words
    assert "dismissed: ended by hand" in told.words
    assert "Nothing of this kind is owed" in (await visitor.get("/owed")).words


async def test_what_needs_attention_is_listed_with_its_reason(server: Administered, visitor: Visitor) -> None:
    await server.refused(1)
    await server.owe(2)

    waiting = await visitor.get("/owed?state=waiting")

    assert "needs attention refused" in waiting.words
    assert "refused: 400: no such site" in waiting.words
    assert "000000000002" not in waiting.words


async def test_a_ledger_that_cannot_be_read_is_told_and_nothing_is_closed(server: Administered, visitor: Visitor) -> None:
    opened = await server.open(1)
    path = f"/sessions/{opened.session_id}/close"
    fields = (await visitor.get(f"{path}?login=login+1")).form("/close")
    await server.ledger.aclose()

    assert (await visitor.get("/sessions")).status == 503
    assert (await visitor.post(path, fields)).status == 503
    assert server.live.login_of(opened.session_id) == "login 1"


async def test_a_question_that_is_not_understood_is_refused(visitor: Visitor) -> None:
    for path in ("/sessions?idle=nan", "/sessions?state=owed", "/sessions?x=1", "/owed?after=x", "/sessions/x"):
        assert (await visitor.get(path)).status == 400


async def test_a_console_shows_that_its_ledger_does_not_answer(server: Administered) -> None:
    async with visitor_of(server, enters=False) as visitor:
        await server.ledger.aclose()
        overview = await visitor.enter(visitor.url.fragment)
        in_short = await visitor.get("/state")

    assert overview.status == 200
    assert "the ledger does not answer" in in_short.words


async def test_a_system_is_evicted_after_a_question_and_each_store_tells(server: Administered, visitor: Visitor) -> None:
    opened = await server.open(1, system_id="B & C")
    shown = await visitor.get("/caches")

    asked = await visitor.get("/caches/evict?system=B+%26+C")
    told = await visitor.post("/caches/evict", asked.form("/evict"))

    assert "B & C" in unescape(shown.words)
    assert "The sessions stay open" in asked.words
    assert "The system is evicted" in told.words
    assert "Cache memory evicted" in told.words
    assert server.live.login_of(opened.session_id) == "login 1"


async def test_a_system_that_no_opshub_could_name_is_refused(visitor: Visitor) -> None:
    for system in ("", "a%0Ab", "x" * 201):
        assert (await visitor.get(f"/caches/evict?system={system}")).status == 400
