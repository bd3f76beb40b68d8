"""Looks up the addresses of hosts, each by itself, so that an unanswered name delays no other."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from typing import NamedTuple, TypeVar

from drivers.threads import begun_in_a_thread

T = TypeVar("T")
Found = list[str] | OSError
"""The addresses of a host, or why there are none."""


class Question(NamedTuple):
    """What is asked of the system, as `socket.getaddrinfo` has it."""

    host: str
    family: int = socket.AF_UNSPEC
    flags: int = 0


class Names:
    """Asks the system for the addresses of hosts in threads of its own, one for each host at a time.

    The event loop has a few threads for all hosts. A handful of unanswered names, each of which takes half a minute, would make
    every other host unreachable meanwhile.
    """

    def __init__(self) -> None:
        self._asked: dict[Question, asyncio.Future[Found]] = {}

    async def addresses(self, question: Question) -> list[str]:
        """Return the IP addresses of a host, the best one first.

        Concurrent questions share one answer. It sets no deadline, and a cancelled caller stops nothing.

        Raises:
            OSError: the name has no address, or cannot be looked up for now.
        """
        # An address needs no thread and no look-up.
        if _is_address(question.host):
            return [question.host]
        asked = self._asked.get(question) or self._ask(question)
        # Shielded, because others may wait for the same answer.
        found = await asyncio.shield(asked)
        if isinstance(found, OSError):
            raise type(found)(*found.args)  # each of those who share the answer gets an error of its own
        return found

    def _ask(self, question: Question) -> "asyncio.Future[Found]":
        answer = begun_in_a_thread(f"looking up {question.host}", partial(_looked_up, question))
        self._asked[question] = answer
        answer.add_done_callback(lambda _: self._asked.pop(question))
        return answer


async def first_to_answer(
    addresses: Sequence[str], connect: Callable[[str], Awaitable[T]], failures: type[Exception] = OSError
) -> T:
    """Return what `connect` returns for the first address that works. Raises its error for the last one."""
    # In turn, not at once: most hosts answer at the first address, and a store counts its connections.
    for address in addresses[:-1]:
        with suppress(failures):
            return await connect(address)
    return await connect(addresses[-1])


def _looked_up(question: Question) -> Found:
    host, family, flags = question
    try:
        found = socket.getaddrinfo(host, None, family=family, type=socket.SOCK_STREAM, flags=flags)
    except OSError as problem:
        return problem
    except UnicodeError:  # the text cannot be a name
        return socket.gaierror(socket.EAI_NONAME, "this is no name of a host")
    return [str(address[0]) for *_, address in found]


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
