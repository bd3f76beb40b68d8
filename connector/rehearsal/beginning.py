"""The first acts: registration, initialize, calls from several workers, a 401 in the middle, initialize again."""

import asyncio
import secrets
import string
from uuid import uuid4

from connector.model.errors import ConnectorError
from connector.rehearsal.checks import Check
from connector.rehearsal.initialize_answer import headers, read_pairs
from connector.rehearsal.stage import RehearsedSession, Stage

WORKERS = 4
ABOUT_INITIALIZE = [check for check in Check if check.id.startswith("initialize")]
LETTERS = string.ascii_letters + string.digits


class Unreachable(ConnectorError):
    """Nobody answers at some of the URLs, which the message names."""


async def discover(stage: Stage) -> None:
    """Register the connector: ask each URL for its name. Raises `Unreachable`."""
    introductions: list[tuple[str, str]] = []
    unreachable: list[str] = []
    for replica, url in enumerate(stage.script.urls):
        answer = await stage.opshub.discover(replica)
        if answer.status is None:
            unreachable.append(f"{url}: {answer.problem}")
        elif (introduction := _introduction(answer.json)) and answer.status == 200:
            introductions.append(introduction)
            stage.notes.note(Check.DISCOVER, "200", passed=True)
        else:
            lacking = ", without a connectorName and a connectorVersion" if answer.status == 200 else ""
            stage.notes.note(Check.DISCOVER, stage.opshub.said(answer) + lacking, passed=False)
    if unreachable:
        raise Unreachable("\n".join(unreachable))
    if len(introductions) > 1:
        seen = ", ".join(sorted({f"{name} {version}" for name, version in introductions}))
        stage.notes.note(Check.DISCOVER_SAME, seen, passed=len({*introductions}) == 1)
    else:
        stage.notes.skip(Check.DISCOVER_SAME, "it takes two URLs that introduce themselves")


def _introduction(content: object) -> tuple[str, str] | None:
    match content:
        case {"connectorName": str(name), "connectorVersion": str(version)} if name and version:
            return name, version
    return None


async def initialize(stage: Stage) -> None:
    """Open the first session, and try a malformed body."""
    if stage.initializes:
        stage.session = await stage.open_session(0)
    if not stage.initializes:
        for check in ABOUT_INITIALIZE:
            stage.notes.skip(check, stage.why_no_login)
        return
    session_id = str(uuid4())
    answer = await stage.opshub.initialize(session_id, stage.system_id, {"settings": None}, 0)
    if answer.status != 401:  # which was judged already
        stage.opshub.judge(Check.INITIALIZE_BODY, answer, passed=answer.refuses)
    if answer.ok:
        # It should have been refused, and has to be closed all the same.
        stage.open[session_id] = RehearsedSession(session_id, headers(read_pairs(answer.body) or ()))


async def work(stage: Stage) -> None:
    """Call from several workers at once, each beginning at another replica."""
    replicas = len(stage.script.urls)
    async with asyncio.TaskGroup() as workers:
        for worker in range(WORKERS):
            workers.create_task(stage.call_all(stage.session, Check.CALLS, range(worker, worker + replicas)))


async def lose_the_session(stage: Stage) -> None:
    """Get a 401 in the middle, and initialize again on another replica, as OpsHub does."""
    await stage.expect_unauthorized(stage.session, {}, Check.CALL_WITHOUT_HEADERS, 0)
    wrong = {name: _altered(value) for name, value in stage.session.credentials.items()}
    if wrong or not stage.session.headers:
        # A wrong credential must not be repeated either: it has the form of the right one.
        stage.notes.redaction.learn(wrong.values())
        await stage.expect_unauthorized(stage.session, {**stage.session.headers, **wrong}, Check.CALL_WITH_WRONG_HEADERS, 1)
    else:
        stage.notes.skip(Check.CALL_WITH_WRONG_HEADERS, "none of the returned headers looks like a credential")
    stage.session = await stage.open_session(1, check=Check.INITIALIZE_AGAIN, session_id=stage.session.id)
    if stage.session.own_login and stage.script.calls:
        await stage.call_all(stage.session, Check.INITIALIZE_AGAIN, range(len(stage.script.urls)))


def _altered(credential: str) -> str:
    """Return a wrong credential of the same form: its last word is another."""
    scheme, space, secret = credential.rpartition(" ")
    return scheme + space + "".join(secrets.choice(LETTERS) for _ in range(max(len(secret), 16)))
