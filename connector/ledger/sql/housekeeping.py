"""The ledger looked at as a whole: listed, counted, and tidied up a slice at a time."""

from collections.abc import Collection, Mapping
from secrets import token_hex

from msgspec.structs import replace

from connector.ledger.sql import opening_rows, ticks
from connector.ledger.sql.table import Table, marks
from connector.ledger.unverified import shown
from connector.model.debts import Debt, LogoutState, Totals
from connector.model.errors import NoSuchDebt

OPEN = """SELECT key_id, state, count(*) AS number, min(recorded_at) AS since
    FROM debts WHERE closed_at IS NULL GROUP BY key_id, state"""
CLOSED = "SELECT count(*) FROM debts WHERE closed_at IS NOT NULL"
OWING_EVICTIONS = "SELECT count(*) FROM debts WHERE evictions IS NOT NULL"
SESSIONS = "SELECT key_id, count(*) AS number FROM sessions GROUP BY key_id ORDER BY key_id"
KINDS = ("debts", "sessions", "openings", "ticks")
"""The tables whose rows name the key that has made them."""
BY_KEY = " UNION ALL ".join(f"SELECT key_id, '{kind}' AS kind, count(*) AS number FROM {kind} GROUP BY key_id" for kind in KINDS)  # noqa: S608 - ours
IN_QUARANTINE = "SELECT count(*) FROM quarantine"
NOBODY_KNOWS = "nobody knows what"
"""Stands for an authority that may have been any."""
FORGET = """DELETE FROM debts WHERE id IN (
    SELECT id FROM debts WHERE closed_at IS NOT NULL AND (closed_at < ? OR closed_at > ?) AND holds = 0 LIMIT ?)"""


def owed_evictions(table: Table, driver: str | None, *, after: int, limit: int) -> list[Debt]:
    """Return debts that owe an eviction from the driver, which is a key in the JSON text of `evictions`; None for any.

    What is damaged among them goes into quarantine, and others take its place: fewer than `limit` are all that there are.
    """
    keys = marks(table.keyring.ids)
    condition = f"evictions IS NOT NULL AND id > ? AND instr(evictions, ?) > 0 AND key_id IN ({keys}) ORDER BY id LIMIT ?"
    values = (after, "" if driver is None else f'"{driver}":', *table.keyring.ids, limit)
    while True:
        damaged = len(table.quarantined)
        found = table.debts(condition, *values, needs_credential=lambda _: False)
        if len(table.quarantined) == damaged:
            return found


def listing(table: Table, states: Collection[LogoutState] | None, system: str | None, *, after: int, limit: int) -> list[Debt]:
    """Return debts in any of these states (None: that owe something), what is in quarantine among those that wait."""
    chosen = "closed_at IS NULL" if states is None else f"state IN ({marks(states)})"
    condition = f"id > ? AND (system_id = ? OR CAST(? AS TEXT) IS NULL) AND {chosen} ORDER BY id LIMIT ?"
    found = table.shown(condition, after, system, system, *map(str, states or ()), limit)
    if states is None or LogoutState.WAITING in states:
        found += [debt for debt in table.quarantine() if debt.id > after and system in {None, debt.system_id}]
    return sorted(found, key=lambda debt: debt.id)[:limit]


def debt(table: Table, id_: int) -> Debt:
    """Return one debt, whether it can be acted upon or not."""
    for found in [*table.shown("id = ?", id_), *table.quarantine()]:
        if found.id == id_:
            return found
    raise NoSuchDebt(f"nothing in the ledger has the id {id_}")


def totals(table: Table) -> Totals:
    """Count rows by what the indices say; nothing is verified for it."""
    count = dict.fromkeys(LogoutState, 0)
    unreadable, oldest = 0, []
    for row in table.named(OPEN):
        if row["state"] in count:  # or it was altered, and `patrol` will find it
            count[row["state"]] += row["number"]
        unreadable += row["number"] if row["key_id"] not in table.keyring.ids else 0
        oldest.append(row["since"])
    sessions = {row["key_id"]: row["number"] for row in table.named(SESSIONS)}
    unreadable += sum(number for key_id, number in sessions.items() if key_id not in table.keyring.ids)
    openings, unknown = opening_rows.counted(table)
    return Totals(
        owed=count[LogoutState.OWED],
        waiting=count[LogoutState.WAITING],
        closed=_count(table, CLOSED),
        evictions=_count(table, OWING_EVICTIONS),
        quarantined=_count(table, IN_QUARANTINE),
        unreadable=unreadable,
        oldest=min(oldest, default=None),
        sessions=sum(sessions.values()),
        older_keys={shown(key_id) or "": number for key_id, number in sessions.items() if key_id != table.keyring.current},
        openings=openings,
        unknown=unknown,
        bytes=table.size(),
    )


def rows_by_key(table: Table) -> dict[str, dict[str, int]]:
    """Count the rows that each key has made, by the kind of row."""
    counted: dict[str, dict[str, int]] = {}
    for row in table.named(BY_KEY):
        counted.setdefault(shown(row["key_id"]) or "", {})[row["kind"]] = row["number"]
    return counted


def in_hand(table: Table, now: float) -> dict[int, int]:
    """Return the ids of debts that a process which has ended had in hand, with their revisions; nothing is verified for it.

    What is tried has no outcome yet, and is not due before that try is over. A wait after an outcome is another matter.
    """
    condition = f"state = 'owed' AND outcome IS NULL AND due_at > ? AND key_id IN ({marks(table.keyring.ids)})"
    query = f"SELECT id, revision FROM debts WHERE {condition}"  # noqa: S608 - ours
    return {row["id"]: row["revision"] for row in table.named(query, now, *table.keyring.ids)}


def let_go(table: Table, revisions: Mapping[int, int], now: float) -> None:
    """Make these debts due at once; one that a cleanup has asked for since is in hand again."""
    for debt in table.debts(f"id IN ({marks(revisions)}) AND state = 'owed'", *revisions):
        if debt.revision == revisions[debt.id] and debt.outcome is None:
            table.update(replace(debt, due_at=now))


def forget_closed(table: Table, now: float, *, keep: float, limit: int) -> bool:
    """Remove rows that were closed long ago, or by a clock that was far ahead, and say whether there may be more.

    One that holds a seat stays until its login has ended by itself.
    """
    return table.connection.execute(FORGET, (now - keep, now + keep, limit)).rowcount == limit


def renew_keys(table: Table, *, limit: int) -> bool:
    """Write open rows that were made with an older key of the keyring anew, and say whether there may be more.

    Those of open sessions stay as they are: OpsHub holds their seals, which are of that key, and no seal can be made anew. The
    key that a row names tells which one must not be dropped yet.
    """
    older = table.keyring.ids[1:]
    debts = table.debts(f"closed_at IS NULL AND key_id IN ({marks(older)}) LIMIT ?", *older, limit) if older else []
    for each in debts:
        table.update(each)
    return len(debts) > 0


def patrol(table: Table, *, after: int, limit: int) -> int:
    """Verify the next rows, be they closed or due in an hour, and return the last one's id; 0 at the end, to begin again."""
    ids = [row["id"] for row in table.named("SELECT id FROM debts WHERE id > ? ORDER BY id LIMIT ?", after, limit)]
    if ids:
        table.shown("id BETWEEN ? AND ?", ids[0], ids[-1])
    return ids[-1] if len(ids) == limit else 0


def serve_from(table: Table, authority: str, *, starts: bool) -> bool:
    """Note which store decides what is served, and tell whether that was another one until now, or track is lost anyway.

    If nobody knows which one it was, only one who `starts` notes that: the next start loses track, as it has to.
    """
    before = [store for (store,) in table.connection.execute("SELECT store FROM authority")]
    if before == [authority] or (before == [NOBODY_KNOWS] and not starts):
        return has_lost_track(table)
    _note_authority(table, authority)
    for store in before or ([] if _is_new(table) else [NOBODY_KNOWS]):
        table.lose_track(f"{store} was the authority, {token_hex(8)}")  # and perhaps again before this one has evicted anything
    return has_lost_track(table)


def lose_track(table: Table, reason: str) -> None:
    """Write down that stores may have missed evictions, also the one from which the next start serves."""
    table.lose_track(reason)
    _note_authority(table, NOBODY_KNOWS)


def _note_authority(table: Table, authority: str) -> None:
    table.write("DELETE FROM authority")
    table.write("INSERT INTO authority VALUES (?)", (authority,))


def _is_new(table: Table) -> bool:
    """Tell whether nobody has done anything with a ledger yet."""
    rows = "SELECT EXISTS (SELECT * FROM debts) OR EXISTS (SELECT * FROM sessions) OR EXISTS (SELECT * FROM openings)"
    return ticks.read(table) == 0 and not table.connection.execute(rows).fetchone()[0]


def has_lost_track(table: Table) -> bool:
    """Tell whether evictions that were owed may be unknown."""
    return bool(table.connection.execute("SELECT EXISTS (SELECT * FROM lost_track)").fetchone()[0])


def losses(table: Table) -> list[str]:
    """Return what has made owed evictions unknown."""
    return [reason for (reason,) in table.connection.execute("SELECT reason FROM lost_track")]


def regain_track(table: Table, losses: Collection[str]) -> bool:
    """Record that everything cached was invalidated after these losses, and tell whether there are others."""
    which, reasons = table.among(losses)
    table.write(f"DELETE FROM lost_track WHERE reason {which}", reasons)  # noqa: S608 - question marks
    return has_lost_track(table)


def _count(table: Table, query: str) -> int:
    return int(table.connection.execute(query).fetchone()[0])
