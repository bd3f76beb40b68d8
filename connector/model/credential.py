"""What logs a session out: header values, which never show in a representation."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from connector.model.headers import TRANSPORT_HEADERS
from connector.model.redaction import HIDDEN


class Credential(Mapping[str, str]):
    """Header values by case-insensitive name: immutable, hashable, equal by value, and silent when printed."""

    __slots__ = ("_hash", "_values", "proved", "stale_at")

    def __init__(
        self,
        headers: Iterable[tuple[str, str]] = (),
        *,
        needed: Collection[str] | None = None,
        proved: bool = False,
        stale_at: float | None = None,
    ) -> None:
        """Keep the headers that are `needed` (any case); None keeps all but `TRANSPORT_HEADERS`.

        Of a repeated one, the first counts. Several `Cookie` headers are joined, because proxies may split one. `proved` tells
        whether the end system is known to have accepted the credential; `stale_at` is when it has to be renewed, in seconds since
        the epoch. They make no difference to what the credential is equal to.
        """
        self.proved = proved
        self.stale_at = stale_at
        # A repeated header could name two logins: only the first counts, as with most servers.
        wanted = None if needed is None else {name.lower() for name in needed}
        # Lower case, because HTTP/2 and some proxies change the case of names.
        values: dict[str, str] = {}
        for name, value in headers if wanted is None or wanted else ():
            lowered = name.lower()
            if (lowered not in TRANSPORT_HEADERS) if wanted is None else (lowered in wanted):
                is_more = lowered == "cookie" and lowered in values
                values[lowered] = f"{values[lowered]}; {value}" if is_more else values.get(lowered, value)
        self._values = values
        # Computed once: a credential is a key of the running logouts, and looked up for each duplicate.
        self._hash = hash(frozenset(values.items()))

    def as_proved(self) -> "Credential":
        """Return the same credential as one that the end system has accepted."""
        return self if self.proved else Credential(self.items(), needed=self.keys(), proved=True, stale_at=self.stale_at)

    def where_it_differs_from(self, other: "Credential") -> "Credential":
        """Return the values that another credential does not have or has otherwise."""
        values = {name: value for name, value in self.items() if other.get(name) != value}
        return Credential(values.items(), needed=values.keys(), stale_at=self.stale_at)

    def with_values(self, values: Mapping[str, str]) -> "Credential":
        """Return the credential with these values in the place of those with the same names, and its end if they tell it.

        It is another credential, so that nothing shows yet that it works.
        """
        merged = {**self._values, **{name.lower(): value for name, value in values.items()}}
        stale_at = values.stale_at if isinstance(values, Credential) else self.stale_at
        return Credential(merged.items(), needed=merged.keys(), stale_at=stale_at)

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Credential) and self._values == other._values

    def __repr__(self) -> str:
        return f"Credential({', '.join(f'{name}={HIDDEN}' for name in sorted(self._values))})"
