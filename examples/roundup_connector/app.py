"""A connector for the Roundup issue tracker."""

from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from io import BytesIO
from types import MappingProxyType
from typing import Annotated, Any, TypeVar

import aiohttp
import msgspec
from aiohttp import web

from connector import ApiError, BadRequest, Session, Unauthorized, run, session

PAGE = 50
"""Issues that one call returns."""
LARGEST = 16 * 1024 * 1024
"""Bytes of an attachment."""
NONE: Mapping[str, str] = MappingProxyType({})


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


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    """What OpsHub wants an issue to be."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


Item = TypeVar("Item", bound=msgspec.Struct)


async def get_projects(request: web.Request) -> web.Response:
    """Return the projects as they are now."""
    return answer(await load(session(request), "keyword", Project))


async def get_users(request: web.Request) -> web.Response:
    """Return the users. They seldom change and are the same for every session, so they are loaded once for all."""
    current = session(request)
    users = partial(load, current, "user", User)
    return answer(await current.system.cache.get_or_load("users", users, kind=list[User], ttl=3600))


async def get_issues(request: web.Request) -> web.Response:
    """Return one page of the issues. All pages come from one list of the session, so that no issue is missed."""
    start = request.query.get("start", "0")
    if not start.isdecimal() or len(start) > 9:
        raise BadRequest("start: expected a number of at most nine digits")
    current = session(request)
    issues = partial(load, current, "issue", Issue)
    listed = await current.cache.get_or_load("issues", issues, kind=list[Issue], ttl=300)
    return answer(listed[int(start) :][:PAGE])


async def create_issue(request: web.Request) -> web.Response:
    """Create an issue, and return where it is."""
    current, wanted = session(request), await wanted_of(request)
    made = await send(current, "POST", "issue", json={"title": wanted.title})
    await current.cache.delete("issues")  # the next page is of a list that has it
    return answer(made, HTTPStatus.CREATED)


async def update_issue(request: web.Request) -> web.Response:
    """Change an issue, and return where it is."""
    wanted = await wanted_of(request)
    return answer(await change(session(request), request.match_info["number"], "PUT", json={"title": wanted.title}))


async def attach(request: web.Request) -> web.Response:
    """Attach a file to an issue, and return where the file is."""
    current, number = session(request), request.match_info["number"]
    await send(current, "GET", f"issue/{number}")  # or a file would be left that belongs to no issue
    name, content = request.query.get("name", "attachment"), await content_of(request)
    form = aiohttp.FormData({"name": name, "type": request.content_type})
    form.add_field("content", content, filename=name)
    file = await send(current, "POST", "file", data=form)
    await change(current, number, "PATCH", data={"@op": "add", "files": file["id"]})
    return answer(file, HTTPStatus.CREATED)


async def load(current: Session, kind: str, item: type[Item]) -> list[Item]:
    """Return all items of one kind from the tracker."""
    fields = ",".join(name for name in item.__struct_fields__ if name not in {"id", "link"})
    found = await send(current, "GET", kind, params={"@fields": fields, "@sort": "id"})
    return [msgspec.convert(each, item) for each in found["collection"]]


async def change(current: Session, number: str, method: str, **body: Any) -> dict[str, str]:
    """Change an issue as it is now. If somebody else does at the same moment, the tracker answers 412, and OpsHub gets a 409."""
    path = f"issue/{number}"
    now = await send(current, "GET", path)
    changed = await send(current, method, path, headers={"If-Match": now["@etag"]}, **body)
    await current.cache.delete("issues")
    return {"id": changed["id"], "link": changed["link"]}


async def send(current: Session, method: str, path: str, *, headers: Mapping[str, str] = NONE, **request: Any) -> Any:
    """Send a request to the tracker and return its data. Errors that escape become those that OpsHub understands."""
    # Roundup lets nobody write whose request could come from the page of another site.
    own_page = {"Origin": str(current.base_url.origin()), "X-Requested-With": "XMLHttpRequest"}
    async with current.http.request(method, f"rest/data/{path}", headers={**own_page, **headers}, **request) as found:
        if found.status == HTTPStatus.FORBIDDEN:
            await explain_refusal(current.http)
        found.raise_for_status()
        return (await found.json())["data"]


async def explain_refusal(http: aiohttp.ClientSession) -> None:
    """Raise what Roundup's 403 means: the login is lost, or its user may not do this. OpsHub would take it for a rate limit."""
    async with http.get("rest/data/status", raise_for_status=False) as asked:
        if asked.status == HTTPStatus.FORBIDDEN:
            raise Unauthorized("The tracker does not know this login any more.")
    raise BadRequest("The tracker does not let its user do this.", code="not_allowed")


async def wanted_of(request: web.Request) -> Wanted:
    """Return what OpsHub has sent. Raises `BadRequest` with what is wrong with it."""
    try:
        return msgspec.json.decode(await request.read(), type=Wanted)
    except ValueError as problem:
        raise BadRequest(f"The issue is not as expected: {problem}") from None


async def content_of(request: web.Request) -> BytesIO:
    """Return the bytes of an attachment. Unlike `request.read`, it takes more than a mebibyte."""
    content = BytesIO()
    async for piece in request.content.iter_any():
        content.write(piece)
        if content.tell() > LARGEST:
            raise ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "attachment_too_large", f"At most {LARGEST} bytes are taken.")
    content.seek(0)
    return content


def answer(content: Any, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    """Return the answer for OpsHub."""
    return web.Response(body=msgspec.json.encode(content), content_type="application/json", status=status)


ROUTES = [
    web.get("/projects", get_projects),
    web.get("/users", get_users),
    web.get("/issues", get_issues),
    web.post("/issues", create_issue),
    web.put(r"/issues/{number:\d{1,9}}", update_issue),
    web.post(r"/issues/{number:\d{1,9}}/attachments", attach),
]

if __name__ == "__main__":
    run("config.toml", routes=ROUTES)
