"""Says what an end system has answered, and why no rule fits it. Nothing of the answer is repeated but its status."""

from connector.endsystems.http.response import Response
from connector.endsystems.profile.rules import Lists

IN_NO_LIST = "which no list of the profile names"
AS_RETRY = "which counts as `retry`"


def explained(answer: Response, lists: Lists, unnamed: str | None) -> str:
    """Say what was answered. `unnamed` says what becomes of an answer that no rule fits; None if one does."""
    missed = _near_misses(answer, lists) if unnamed else ""
    notes = {
        missed: bool(missed),
        "redirects are not followed": 300 <= answer.status < 400,
        f"its body is compressed ({answer.packing}), and could not be unpacked": unnamed and answer.packing is not None,
        "only the first 64 KiB of its body are read": unnamed and answer.is_cut,
    }
    noted = "; ".join(note for note, holds in notes.items() if holds)
    return f"answered {answer.status}" + (f", {unnamed}" if unnamed else "") + (f" ({noted})" if noted else "")


def _near_misses(answer: Response, lists: Lists) -> str:
    """Name the rules of this status of which another part does not fit."""
    missed = [
        f"`{verdict}[{place}]` wants another `{rule.misfit(answer)}`"
        for verdict, rules in lists
        for place, rule in enumerate(rules)
        if rule.status == answer.status
    ]
    return ", ".join(missed)
