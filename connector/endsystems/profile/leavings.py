"""What a login leaves behind: the credential that its logout needs, and the headers that OpsHub gets back."""

import re
import time
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum

from connector.endsystems.profile import places
from connector.endsystems.profile.outgoing import at
from connector.endsystems.profile.profile import Profile
from connector.endsystems.profile.template import Reference, Source, Template
from connector.endsystems.profile.values import CannotSend, LeftOut, Values
from connector.model.credential import Credential

SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
EARLIER = 30.0
"""Seconds by which a credential is renewed before it expires, or a fifth of a short life."""
UNFIT = ":captured."
"""Begins the name of a capture that does not fit its place. It is never sent, because no header can have that name."""
REMNANT = ":remnant"
"""The name under which a login that failed leaves what is wrong with its credential. It goes with the debt."""


class Remnant(StrEnum):
    """What is wrong with the credential of a login that failed."""

    CUT_SHORT = "cut_short"
    """The login ended before a step of it. A step of the logout that cannot be taken has nothing to end."""
    PARTLY = "partly"
    """A value was made and does not fit. Steps of the logout that cannot be taken would have something to end."""
    UNREAD = "unread"
    """A step of the login succeeded, and what would end it was not found in the answer."""
    DEAD = "dead"
    """A probe says that the credential does not work, so that a logout with it ends nothing."""
    UNPROVED = "unproved"
    """A probe does not say that the credential works, so that no `already_out` is believed."""

    def of(self, credential: Credential) -> Credential:
        """Leave this with a credential."""
        pairs = [*credential.items(), (REMNANT, self.value)]
        return Credential(pairs, needed=[name for name, _ in pairs])


def remnant_of(credential: Credential) -> Remnant | None:
    """Return what is wrong with a credential; None if nothing is known to be."""
    left = credential.get(REMNANT)
    return None if left is None else next((remnant for remnant in Remnant if remnant.value == left), None)


def left_behind(profile: Profile, values: Values, addresses: Mapping[str, str]) -> Credential:
    """Return the credential of a complete login, with the addresses by the names that no header has. Raises `CannotSend`."""
    entries = {}
    for name, template in profile.credential.items():
        with suppress(LeftOut), at(f"credential.{name}"):
            entries[name] = _entry(template, values)
    return _credential({**entries, **addresses}, stale_at=_stale_at(profile, values))


def renewed_by(profile: Profile, values: Values) -> Credential:
    """Return what a refresh has renewed: each entry whose captures it has made anew. Raises `CannotSend`."""
    entries = {}
    for name, template in profile.credential.items():
        captures = template.names(Source.CAPTURED)
        if captures and captures <= values.captured.keys():
            with suppress(LeftOut), at(f"credential.{name}"):
                entries[name] = _entry(template, values)
    return _credential(entries, stale_at=_stale_at(profile, values))


def _stale_at(profile: Profile, values: Values) -> float | None:
    """Return when the credential that was made just now has to be renewed; None if that is not known."""
    if profile.expires_in is None:
        return None
    try:
        seconds = SECONDS.fullmatch(profile.expires_in.render(values.of))
    except CannotSend:
        return None
    life = float(seconds[0]) if seconds else None
    return None if life is None else time.time() + life - min(EARLIER, life / 5)


def left_so_far(profile: Profile, values: Values, addresses: Mapping[str, str], *, has_made: bool) -> Credential | None:
    """Return what a half-made login has left behind; None if it has made nothing. `has_made` tells that it surely has.

    A missing or unfit value is empty, so that no request which needs it is sent. An entry without any of its captures is left
    out. An unfit value is left under a name of its own: it was made, so it is owed, and needs attention.
    """
    # Settings alone are no login: they were there before.
    if not (has_made or captures_left(profile) & values.captured.keys()):
        return None
    entries = {name: _entry_so_far(template, values) for name, template in profile.credential.items()}
    made = {name: entry for name, entry in entries.items() if entry} | _unfit(profile, values)
    return _credential({**made, **addresses})


def captures_left(profile: Profile) -> set[str]:
    """Return the names of the captures that a login leaves behind."""
    return {capture for _, template in profile.leavings for capture in template.names(Source.CAPTURED)}


def returned(profile: Profile, values: Values) -> Mapping[str, str]:
    """Return what OpsHub gets back. Raises `CannotSend`."""
    headers = {}
    for name, template in profile.returned.items():
        with suppress(LeftOut), at(f"returned.{name}"):
            headers[name] = places.header_value(template.render(values.of))
    return headers


def _credential(entries: Mapping[str, str], *, stale_at: float | None = None) -> Credential:
    return Credential(entries.items(), needed=entries.keys(), stale_at=stale_at)


def _entry(template: Template, values: Values) -> str:
    return template.render(lambda reference: _part(template, reference, values))


def _entry_so_far(template: Template, values: Values) -> str | None:
    known = {reference: _part_so_far(template, reference, values) for reference in template.expressions}
    if any(reference.is_optional and not value for reference, value in known.items()):
        return None
    captures = [value for reference, value in known.items() if _is_captured(reference)]
    return template.render(known.__getitem__) if any(captures) or not captures else None


def _unfit(profile: Profile, values: Values) -> dict[str, str]:
    """Return the captures that do not fit their places, as they came."""
    return {
        UNFIT + leaf.name: value
        for template in profile.credential.values()
        for reference in template.expressions
        for leaf in reference.leaves
        if leaf.source is Source.CAPTURED and (value := values.captured.get(leaf.name))
        if not _part_so_far(template, reference, values)
    }


def _is_captured(reference: Reference) -> bool:
    return any(leaf.source is Source.CAPTURED for leaf in reference.leaves)


def _part_so_far(template: Template, reference: Reference, values: Values) -> str:
    try:
        return _part(template, reference, values)
    except CannotSend:
        return ""


def _part(template: Template, reference: Reference, values: Values) -> str:
    """Return a value. Beside others in one entry, it must not look like a further one: another cookie, for example."""
    value = values.of(reference)
    if len(template.parts) == 1:
        return value
    return places.servers_cookie(value) if values.is_cookie(reference) else places.word(value)
