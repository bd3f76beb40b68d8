"""A connector for the Roundup issue tracker."""

from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar

import aiohttp
import msgspec
from aiohttp import web

from connector import BadRequest, Unauthorized, run, session

PAGE = 50
"""Issues that one call returns."""


class Project(msgspec.Struct):
    """A keyword of the tracker, which groups its issues."""

    id: str
    link: str
    name: str


class User(msgspec.Struct):
    """Somebody who works with the tracker."""

    id: str
    link: str
    username: str
    realname: str | None
    address: str | None


class Issue(msgspec.Struct):
    """An issue, as a list shows it."""

    id: str
    link: str
    title: str
    activity: str


Item = TypeVar("Item", bound=msgspec.Struct)


async def get_projects(request: web.Request) -> web.Response:
    """Return the projects as they are now."""
    return answer(await load(session(request).http, "keyword", Project))


async def get_users(request: web.Request) -> web.Response:
    """Return the users. They seldom change and are the same for every session, so they are loaded once for all."""
    current = session(request)
    users = partial(load, current.http, "user", User)
    return answer(await current.system.cache.get_or_load("users", users, kind=list[User], ttl=3600))


async def get_issues(request: web.Request) -> web.Response:
    """Return one page of the issues. All pages come from one list of the session, so that no issue is missed."""
    start = request.query.get("start", "0")
    if not start.isdecimal() or len(start) > 9:
        raise BadRequest("start: expected a number of at most nine digits")
    current = session(request)
    issues = partial(load, current.http, "issue", Issue)
    listed = await current.cache.get_or_load("issues", issues, kind=list[Issue], ttl=300)
    return answer(listed[int(start) :][:PAGE])


async def load(http: aiohttp.ClientSession, kind: str, item: type[Item]) -> list[Item]:
    """Return all items of one kind from the tracker. Errors that escape become those that OpsHub understands."""
    fields = ",".join(name for name in item.__struct_fields__ if name not in {"id", "link"})
    async with http.get(f"rest/data/{kind}", params={"@fields": fields, "@sort": "id"}) as found:
        if found.status == HTTPStatus.FORBIDDEN:  # Roundup's answer to a lost login; OpsHub would take it for a rate limit
            raise Unauthorized("The tracker does not know this login any more.")
        found.raise_for_status()
        return [msgspec.convert(each, item) for each in (await found.json())["data"]["collection"]]


def answer(content: Any) -> web.Response:
    """Return the answer for OpsHub."""
    return web.Response(body=msgspec.json.encode(content), content_type="application/json")


ROUTES = [web.get("/projects", get_projects), web.get("/users", get_users), web.get("/issues", get_issues)]

if __name__ == "__main__":
    run("config.toml", routes=ROUTES)
