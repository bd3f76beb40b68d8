"""What a cleanup has to end: by a seal, by the caller's headers, or nothing."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from connector.cleanups.plan import Planner
from connector.endsystems.end_system import LoginOutcome
from connector.model.cleanup import CleanupRequest
from connector.model.credential import Credential
from connector.model.errors import UnknownSession
from connector.model.outcomes import NO_LOGIN, NOTHING_TO_END, UNKNOWN_LOGIN
from connector.sessions.admission import Admission
from connector.sessions.live import LiveSessions
from connector.sessions.seal import Sealed, Seals
from tests.assembly import KEYRING, a_ledger
from tests.doubles import ScriptedEndSystem

SESSION, OTHER = "6f1c1d2e-0000-4000-8000-000000000001", "6f1c1d2e-0000-4000-8000-000000000002"
TOKEN = Credential([("Authorization", "t0ken-canary")])
SEALS = Seals(KEYRING)


class Systemless(ScriptedEndSystem):
    """Keeps no sessions."""

    ends_sessions = False


class Opening(ScriptedEndSystem):
    """Opens sessions, so that a credential comes by a seal."""

    async def login(self, session_id: str, settings: Mapping[str, str]) -> LoginOutcome:
        """Make no login: a plan asks nobody."""
        raise AssertionError("a plan asks nobody")


def seal(credential: Credential | None = TOKEN, session: str = SESSION) -> str:
    return SEALS.make(Sealed(session, "A", "login", b"ledger", credential, "http://made.for"))


def planned(
    folder: Path,
    end_system: ScriptedEndSystem,
    *,
    seals: tuple[str, ...] = (),
    headers: tuple[tuple[str, str], ...] = (("Authorization", "t0ken-canary"),),
    from_beyond: bool = False,
) -> CleanupRequest:
    live = LiveSessions(a_ledger(folder))
    sealed = Admission(SEALS, live, require_seal=False).of(SESSION, "A", seals, from_beyond=from_beyond)
    return Planner(end_system, live.current).plan(SESSION, "A", sealed, global_cache=False, headers=headers)


def test_a_seal_says_which_login_ends_and_headers_beside_it_are_not_read(tmp_path: Path) -> None:
    plan = planned(tmp_path, Opening(), seals=(seal(),), headers=(("Authorization", "another"),))

    assert (plan.credential, plan.login_id, plan.origin, plan.foregone) == (TOKEN, "login", "http://made.for", None)


def test_a_sealed_login_ends_even_if_todays_end_system_keeps_no_sessions(tmp_path: Path) -> None:
    assert planned(tmp_path, Systemless(), seals=(seal(),)).foregone is None


@pytest.mark.parametrize(("end_system", "outcome"), [(Opening(), NO_LOGIN), (Systemless(), NOTHING_TO_END)])
def test_a_seal_without_a_login_has_no_login_to_end(tmp_path: Path, end_system: ScriptedEndSystem, outcome: object) -> None:
    assert planned(tmp_path, end_system, seals=(seal(None),)).foregone == outcome


def test_without_a_seal_the_headers_are_the_credential(tmp_path: Path) -> None:
    plan = planned(tmp_path, ScriptedEndSystem())

    assert (plan.credential, plan.login_id, plan.foregone) == (TOKEN, "", None)


def test_without_a_seal_and_headers_a_login_is_unknown_if_logins_are_made_here(tmp_path: Path) -> None:
    assert planned(tmp_path, Opening(), headers=()).foregone == UNKNOWN_LOGIN


def test_an_end_system_that_keeps_no_sessions_has_nothing_to_end(tmp_path: Path) -> None:
    assert planned(tmp_path, Systemless()).foregone == NOTHING_TO_END


@pytest.mark.parametrize(("seals", "from_beyond"), [((), True), ((seal(session=OTHER),), False)], ids=["none", "another's"])
def test_who_does_not_own_the_session_ends_nothing(tmp_path: Path, seals: tuple[str, ...], *, from_beyond: bool) -> None:
    with pytest.raises(UnknownSession):
        planned(tmp_path, Opening(), seals=seals, from_beyond=from_beyond)
