"""The document at `/openapi.json`: valid, and about each route of the server and nothing else."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from openapi_spec_validator import validate

from connector import ConfigurationError
from connector.api.openapi import METHODS
from connector.sessions.seal import HEADER
from tests.openapi.serving import ROUTES, projects
from tests.sessions.served import Served, served

BASES = ("", "/sdk-api/api/1.0", "/mbse/api/1.0")
OWN = {("/health/live", "get"), ("/health/ready", "get"), ("/openapi.json", "get")}
OF_EACH_BASE = {
    ("/cleanup/{sdkSessionId}", "post"),
    ("/initialize/{sdkSessionId}", "post"),
    ("/discover", "get"),
    ("/probe/{token}/{rest}", "post"),
    ("/projects", "get"),
    ("/entities/{kind}/{id}", "get"),
    ("/entities/{kind}", "post"),
    ("/entities/{kind}", "put"),
}


async def document(server: Served) -> Any:
    async with aiohttp.ClientSession() as client, client.get(f"{server.url}/openapi.json") as answer:
        assert answer.status == 200
        return await answer.json()


async def described(folder: Path, routes: Iterable[web.RouteDef] = ROUTES, config: str = "") -> Any:
    async with served(folder, config, routes=[*routes]) as server:
        return await document(server)


async def test_the_document_is_valid_openapi(tmp_path: Path) -> None:
    found = await described(tmp_path)

    validate(found)
    assert found["openapi"].startswith("3.1.")


async def test_each_route_is_described_and_nothing_else(tmp_path: Path) -> None:
    found = await described(tmp_path)

    calls = {(path, method) for path, methods in found["paths"].items() for method in methods}
    assert calls == OWN | {(base + path, method) for base in BASES for path, method in OF_EACH_BASE}


async def test_the_document_bears_the_name_and_version_of_the_connector(tmp_path: Path) -> None:
    found = await described(tmp_path, config='[connector]\nname = "jira"\nversion = "2.1"\n')

    assert found["info"] == {"title": "jira", "version": "2.1"}


async def test_a_route_of_the_authors_is_described_by_its_docstring_and_needs_a_session(tmp_path: Path) -> None:
    found = await described(tmp_path)

    listing, creating = found["paths"]["/projects"]["get"], found["paths"]["/entities/{kind}"]["post"]
    assert listing["summary"] == "List the projects of a session's system."
    assert "summary" not in creating
    assert listing["security"] == [{"session": []}]
    assert found["components"]["securitySchemes"]["session"]["name"] == HEADER
    assert [each["name"] for each in found["paths"]["/entities/{kind}/{id}"]["get"]["parameters"]] == ["kind", "id"]


async def test_a_route_for_any_method_is_described_for_each(tmp_path: Path) -> None:
    found = await described(tmp_path, [web.route("*", "/anything", projects)])

    validate(found)
    assert {*found["paths"]["/anything"]} == {*METHODS} - {"head"}


@pytest.mark.parametrize(("base", "shape"), [("", "OneError"), ("/mbse/api/1.0", "ErrorList")])
async def test_errors_have_the_shape_of_their_base_path(tmp_path: Path, base: str, shape: str) -> None:
    found = await described(tmp_path)

    answers = found["paths"][f"{base}/initialize/{{sdkSessionId}}"]["post"]["responses"]
    schemas = {status: each["content"]["application/json"]["schema"] for status, each in answers.items() if status != "200"}
    assert set(schemas) >= {"400", "403", "404", "408", "409", "413", "417", "431", "500", "503"}
    assert all(schema == {"$ref": f"#/components/schemas/{shape}"} for schema in schemas.values())


@pytest.mark.parametrize("path", ["/openapi.json", "/health/live"])
async def test_a_route_that_would_never_be_called_is_refused_at_the_start(tmp_path: Path, path: str) -> None:
    with pytest.raises(ConfigurationError, match=f"routes: GET {path} "):
        await described(tmp_path, [web.get(path, projects)])
