"""What an author's handler says to have renewed, checked before anything is changed."""

from collections.abc import Mapping

from connector.model.credential import Credential
from connector.model.headers import is_name


def checked(values: object, credential: Credential) -> Mapping[str, str]:
    """Return the new values of a credential. Raises `TypeError` or `ValueError`, which name the part and never a value."""
    if not isinstance(values, Mapping):
        raise TypeError(f"session.renew: expected a mapping of names to values, not {type(values).__name__}")
    known = sorted(filter(is_name, credential))
    for name, value in values.items():
        if not isinstance(name, str) or name.lower() not in known:
            raise ValueError(f"session.renew: the credential has no {name!r}; it has {', '.join(known)}")
        if not isinstance(value, str):
            raise TypeError(f"session.renew: the value of {name} is {type(value).__name__}; expected text")
        if not value:
            raise ValueError(f"session.renew: the value of {name} is empty")
    return values
