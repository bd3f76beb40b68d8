"""`session.http` is aiohttp's client as authors know it: what it sends, where its paths begin, what it reads, what it raises."""

import gzip
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from connector.endsystems.http.authorised import RedirectNotAllowed, TargetNotAllowed
from connector.endsystems.http.authors_answer import (
    UNPACKED_LIMIT,
    ErrorStatus,
    LoginNotAccepted,
    UnpackedAnswerTooLarge,
)
from tests.endsystems.opened import LOGOUT, login, opened

PROFILE = LOGOUT.format(path="logout") + '\n[http]\nheaders = { Authorization = "{credential.Authorization}" }\n'
MIB = b"\0" * 2**20


async def echo(request: web.Request) -> web.Response:
    """Answer what was asked, and as what it was sent."""
    text = await request.text()
    return web.json_response({"target": request.raw_path, "type": request.headers.get("Content-Type"), "body": text})


async def elsewhere(request: web.Request) -> web.Response:
    """Redirect to where the query says."""
    return web.Response(status=302, headers={"Location": request.query["to"]})


async def packed(request: web.Request) -> web.Response:
    """Answer so many MiB, packed."""
    way, size = request.match_info["way"], int(request.match_info["size"])
    pack = gzip.compress if way == "gzip" else zlib.compress
    return web.Response(body=pack(MIB * size, 1), headers={"Content-Encoding": way})


async def status(request: web.Request) -> web.Response:
    """Answer an error as end systems do, in JSON."""
    return web.json_response({"error": "as asked for"}, status=int(request.match_info["status"]))


@asynccontextmanager
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """The client of a session whose end system is the part of a server below `/jira`."""
    system = web.Application()
    system.router.add_get("/jira/packed/{way}/{size}", packed)
    system.router.add_route("*", "/jira/status/{status}", status)
    system.router.add_get("/jira/elsewhere", elsewhere)
    system.router.add_route("*", "/{any:.*}", echo)
    async with TestServer(system) as server:
        base = str(server.make_url("/jira"))
        async with opened(PROFILE, base_url=base) as end_system, end_system.client(login(Authorization="Bearer t")) as client:
            yield client


@pytest.mark.parametrize("path", ["rest/projects", "/rest/projects"])
async def test_a_path_begins_at_the_base_url_with_a_leading_slash_and_without(path: str) -> None:
    async with http() as client, client.get(f"{path}?q=a%26b&n=1") as answer:
        assert (await answer.json())["target"] == "/jira/rest/projects?q=a%26b&n=1"


async def test_a_percent_encoded_path_arrives_as_it_was_written() -> None:
    async with http() as client, client.get("/rest/a%2Fb%20c") as answer:
        assert (await answer.json())["target"] == "/jira/rest/a%2Fb%20c"


async def test_a_colon_in_a_path_arrives_as_it_was_written() -> None:
    async with http() as client, client.get("/issues:search?a=b:c") as answer:
        assert (await answer.json())["target"] == "/jira/issues:search?a=b:c"


@pytest.mark.parametrize("path", ["../secret", "/../secret", "/%2e%2e/secret"])
async def test_a_path_that_leaves_the_base_url_is_not_sent(path: str) -> None:
    async with http() as client:
        with pytest.raises(TargetNotAllowed):
            await client.get(path)


async def test_a_url_that_is_not_allowed_is_told_from_a_redirect_of_the_end_system() -> None:
    async with http() as client:
        for path in ("../secret", "/../secret?a=b", "http://evil.example/x"):
            with pytest.raises(TargetNotAllowed) as own:
                await client.get(path, params={"c": "d"})
            assert not isinstance(own.value, RedirectNotAllowed)
        with pytest.raises(RedirectNotAllowed, match=r"\Alies outside end_system.allowed_urls\Z"):
            await client.get("/elsewhere", params={"to": "http://login.example/?code=s3cret"})


async def test_another_host_in_the_guise_of_a_path_is_not_sent_to() -> None:
    async with http() as client:
        with pytest.raises(aiohttp.ClientError):
            await client.get("//evil.example/rest")


async def test_a_body_says_what_it_is() -> None:
    form = aiohttp.FormData()
    form.add_field("file", b"content", filename="a.txt", content_type="text/plain")
    bodies: list[dict[str, Any]] = [{"json": {"a": 1}}, {"data": {"a": "1"}}, {"data": form}, {"data": b"raw"}, {}]
    async with http() as client:
        sent = []
        for body in bodies:
            async with client.post("issue", **body) as answer:
                sent.append((await answer.json())["type"])

    assert sent[:2] == ["application/json", "application/x-www-form-urlencoded"]
    assert sent[2].startswith("multipart/form-data; boundary=")
    assert sent[3:] == ["application/octet-stream", "application/octet-stream"]


@pytest.mark.parametrize("way", ["gzip", "deflate"])
async def test_a_packed_answer_is_unpacked(way: str) -> None:
    async with http() as client, client.get(f"packed/{way}/3") as answer:
        assert await answer.read() == MIB * 3
        assert await answer.read() == MIB * 3


async def test_an_answer_that_unpacks_without_an_end_is_refused_at_a_bound() -> None:
    async with http() as client:
        with pytest.raises(UnpackedAnswerTooLarge, match="over 64 MiB unpacked; read its `content` in pieces"):
            async with client.get(f"packed/gzip/{UNPACKED_LIMIT // len(MIB) + 1}") as answer:
                await answer.json()


async def test_a_large_packed_answer_can_be_read_in_pieces() -> None:
    size = UNPACKED_LIMIT + len(MIB)
    async with http() as client, client.get(f"packed/gzip/{size // len(MIB)}") as answer:
        assert sum([len(piece) async for piece in answer.content.iter_any()]) == size


@pytest.mark.parametrize(("code", "error"), [(401, LoginNotAccepted), (404, ErrorStatus), (429, ErrorStatus), (503, ErrorStatus)])
async def test_the_body_of_an_error_that_nobody_looked_at_is_not_read_as_a_success(code: int, error: type[ErrorStatus]) -> None:
    async with http() as client:
        with pytest.raises(error) as raised:
            async with client.get(f"status/{code}") as answer:
                await answer.json()

    assert raised.value.status == code


async def test_the_body_of_an_error_is_not_read_in_pieces_either() -> None:
    async with http() as client:
        with pytest.raises(ErrorStatus):
            await (await client.get("status/404")).content.read()
        async with client.get("status/404") as answer:
            assert answer.status == 404
            assert await answer.content.read() == b'{"error": "as asked for"}'


@pytest.mark.parametrize("method", ["post", "delete"])
async def test_an_error_is_raised_even_if_nobody_reads_the_answer(method: str) -> None:
    async with http() as client:
        with pytest.raises(ErrorStatus):
            async with client.request(method, "status/409"):
                pass


async def test_a_status_that_a_handler_has_looked_at_raises_nothing() -> None:
    async with http() as client:
        async with client.get("status/401") as answer:
            assert answer.status == 401
            assert await answer.json() == {"error": "as asked for"}
        async with client.get("status/404") as answer:
            assert not answer.ok
        async with client.get("status/404", raise_for_status=False) as answer:
            assert await answer.json() == {"error": "as asked for"}


async def test_an_error_of_the_handler_hides_behind_no_status() -> None:
    async with http() as client:
        with pytest.raises(ZeroDivisionError):
            async with client.get("status/500"):
                raise ZeroDivisionError


@pytest.mark.parametrize("options", [{}, {"raise_for_status": True}])
async def test_raise_for_status_raises_what_aiohttp_documents(options: dict[str, Any]) -> None:
    async with http() as client:
        with pytest.raises(aiohttp.ClientResponseError) as raised:
            async with client.get("status/401", **options) as answer:
                answer.raise_for_status()

    assert isinstance(raised.value, LoginNotAccepted)
