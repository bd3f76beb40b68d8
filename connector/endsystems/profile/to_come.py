"""The values of a run to come, by which every request can be made before the first one is sent."""

from collections.abc import Callable

from connector.endsystems.profile.profile import Profile
from connector.endsystems.profile.template import Reference, Source
from connector.endsystems.profile.values import Values

PLACEHOLDER = "captured"
Unknown = Callable[[Reference], bool]
"""Tells whether the value of a reference is not known yet."""


def is_captured(reference: Reference) -> bool:
    """Tell whether only an answer will show the value."""
    return reference.source is Source.CAPTURED


class ToCome(Values, frozen=True):
    """What will be known. A placeholder stands for what is not known yet, whatever its filters will find there."""

    unknown: Unknown = is_captured

    def of(self, reference: Reference) -> str:
        """Return the value, or a placeholder. Raises as `Values.of` does."""
        if any(map(self.unknown, reference.leaves)):
            return PLACEHOLDER
        return Values.of(self, reference)


def to_come(values: Values, unknown: Unknown = is_captured) -> ToCome:
    """Return what will be known beside these values."""
    return ToCome(values.credential, values.environ, values.base_url, settings=values.settings, made=values.made, unknown=unknown)


def unknown_after_login(profile: Profile, unknown: Unknown) -> Unknown:
    """Tell what stays unknown once a login has been made of such values: an entry of its credential that is nothing else."""
    entries = {
        name.lower()
        for name, template in profile.credential.items()
        if template.whole is not None and any(map(unknown, template.whole.leaves))
    }
    return lambda leaf: is_captured(leaf) or (leaf.source is Source.CREDENTIAL and leaf.name.lower() in entries)
