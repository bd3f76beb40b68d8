"""Somebody before the console, without a browser: his requests, his cookies, and the fields of the forms that he is shown."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from tests.control.administered import Administered


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: dict[str, dict[str, str]] = {}
        self._fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._fields = self.forms.setdefault(given["action"], {})
        if tag == "input" and "name" in given:
            self._fields[given["name"]] = given.get("value", "")


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer, as the browser has it."""

    status: int
    path: str
    headers: CIMultiDictProxy[str]
    text: str

    def form(self, action: str) -> dict[str, str]:
        """The fields of the form whose action ends like this."""
        parser = _Forms()
        parser.feed(self.text)
        return next(fields for path, fields in parser.forms.items() if path.endswith(action))

    @property
    def words(self) -> str:
        """What a person reads, in one line."""
        return " ".join(re.sub(r"<[^>]*>", " ", self.text).split())


@dataclass(slots=True)
class Visitor:
    """Asks for pages of one console."""

    http: aiohttp.ClientSession
    url: URL
    base: str = ""
    """Where his pages begin, once he is in."""
    headers: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, **headers: str) -> Seen:
        """Ask for a page of his."""
        return await self.ask("GET", self.base + path, headers=headers)

    async def post(self, path: str, fields: Mapping[str, str], **headers: str) -> Seen:
        """Send a form from one of the console's pages."""
        return await self.ask("POST", self.base + path, data=dict(fields), headers={"Origin": self.origin, **headers})

    async def ask(self, method: str, path: str, **options: Any) -> Seen:
        """Send any request, and follow where it leads."""
        headers = {**self.headers, **{name.replace("_", "-"): value for name, value in options.pop("headers", {}).items()}}
        url = URL(f"{self.origin}{path}", encoded=True)
        async with self.http.request(method, url, headers=headers, **options) as answer:
            return Seen(answer.status, answer.url.path, answer.headers, await answer.text())

    async def enter(self, code: str) -> Seen:
        """Log in by a code or the token."""
        seen = await self.ask("POST", "/login", data={"code": code}, headers={"Origin": self.origin})
        if seen.path.startswith("/s/"):
            self.base = seen.path.rstrip("/")
        return seen

    @property
    def origin(self) -> str:
        """Where the console is."""
        return str(self.url.origin())


async def link_of(server: Administered) -> URL:
    """Return a link, as `connector console` gets it."""
    return URL((await server.ask(lambda client: client.post("/console")))["url"])


@asynccontextmanager
async def visitor_of(server: Administered, *, enters: bool = True) -> AsyncIterator[Visitor]:
    """Come before a console with an empty browser; by a link, unless he does not enter."""
    link = await link_of(server)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        visitor = Visitor(http, link)
        if enters:
            assert (await visitor.enter(link.fragment)).status == 200
        yield visitor
