"""`GET /openapi.json`: every call of the server, an author's own included, as an OpenAPI 3.1 document."""

import inspect
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import hdrs, web
from msgspec import Struct

from connector.api.described_calls import DESCRIBED, DescribedCall
from connector.api.parameters import SCHEMAS
from connector.api.rendering import ErrorShapes, json_answer
from connector.config.settings import ConnectorSection
from connector.sessions.seal import HEADER

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
"""Those that a document can have."""
ANY_CALL = {
    HTTPStatus.BAD_REQUEST: "`malformed_request`: not valid HTTP.",
    HTTPStatus.NOT_FOUND: "`not_found`: the caller may not call.",
    HTTPStatus.EXPECTATION_FAILED: "`expectation_failed`: an `Expect` other than `100-continue`.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "`head_too_large`: the headers are too large, all together.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "`internal_error`: a defect. The log has its traceback.",
    HTTPStatus.SERVICE_UNAVAILABLE: "`too_many_connections`: there is no room for another connection.",
}
"""What every call may be answered instead."""
SESSION_CALL = {
    HTTPStatus.UNAUTHORIZED: "`unknown_session`: there is no session, or it is closed. Initialize it again.",
    HTTPStatus.SERVICE_UNAVAILABLE: "`ledger_unavailable`, or the end system is away.",
}
"""What a call of a session may be answered instead."""
ITSELF = DescribedCall("Describe every call", answers={HTTPStatus.OK: dict[str, Any]})
REF = "#/components/schemas/{name}"
NAME = re.compile(r"\{(\w+)\}")
"""A part of a path that differs from call to call."""


@dataclass(slots=True)
class OpenApiCall:
    """Describes the application that it is a part of."""

    connector: ConnectorSection
    shapes: ErrorShapes
    own: Collection[web.AbstractRoute]
    """The routes of the connector's author."""
    _document: dict[str, Any] = field(default_factory=dict)

    async def handle(self, request: web.Request) -> web.Response:
        """Answer with the document. It is made once, at the first call: then all routes are there."""
        if not self._document:
            self._document = self._made(request.app.router)
        return json_answer(HTTPStatus.OK, self._document)

    def _made(self, router: web.UrlDispatcher) -> dict[str, Any]:
        paths: dict[str, dict[str, Any]] = {}
        schemas: dict[str, Any] = {}
        for resource in router.resources():
            known = paths.setdefault(resource.canonical, {})
            for method, route in _by_method(resource):
                known.setdefault(
                    method, _Description(resource.canonical, route, self._call_of(route), self.shapes, schemas).operation()
                )
        return {
            "openapi": "3.1.1",
            "info": {"title": self.connector.name, "version": self.connector.version},
            "paths": paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": {"session": {"type": "apiKey", "in": "header", "name": HEADER}},
            },
        }

    def _call_of(self, route: web.AbstractRoute) -> DescribedCall | None:
        """Return what is known of a route; None if its author alone knows what it does."""
        if route in self.own:
            return None
        handler = inspect.unwrap(getattr(route.handler, "__func__", route.handler))
        return ITSELF if handler is OpenApiCall.handle else DESCRIBED[handler]


def _by_method(resource: web.AbstractResource) -> Iterator[tuple[str, web.AbstractRoute]]:
    """Yield the routes of a path by their methods. A HEAD beside a GET is left out, because every GET has one."""
    routes = {route.method: route for route in resource}
    any_ = routes.pop(hdrs.METH_ANY, None)
    for method in METHODS:
        route = routes.get(method.upper(), any_)
        if route is not None and not (method == "head" and (hdrs.METH_GET in routes or any_ is not None)):
            yield method, route


class _Description(Struct, frozen=True):
    """One call; what its types refer to is added to `schemas`."""

    path: str
    route: web.AbstractRoute
    call: DescribedCall | None
    shapes: ErrorShapes
    schemas: dict[str, Any]

    def operation(self) -> dict[str, Any]:
        return self._of_an_author() if self.call is None else self._of_the_connector(self.call)

    def _of_an_author(self) -> dict[str, Any]:
        handler = self.route.handler  # the text of any other object is that of its class
        text = inspect.getdoc(handler) if inspect.isroutine(handler) or inspect.isclass(handler) else None
        answers = {**self._responses({}, SESSION_CALL), "default": {"description": "What its author answers."}}
        described = {"parameters": [*self._in_path()], "security": [{"session": []}], "responses": answers}
        return {"summary": text.splitlines()[0], **described} if text else described

    def _of_the_connector(self, call: DescribedCall) -> dict[str, Any]:
        described: dict[str, Any] = {"summary": call.summary, "parameters": [*self._in_path(), *_in_query(call)]}
        if call.text:
            described["description"] = call.text
        if call.may_have_seal:
            described["security"] = [{}, {"session": []}]
        if call.takes is not None:
            described["requestBody"] = {"content": {"application/json": {"schema": self._schema(call.takes)}}}
        return {**described, "responses": self._responses(call.answers, call.errors)}

    def _in_path(self) -> Iterator[dict[str, Any]]:
        for name in NAME.findall(self.path):
            yield {"name": name, "in": "path", "required": True, "schema": SCHEMAS.get(name, {"type": "string"})}

    def _responses(self, answers: Mapping[HTTPStatus, Any], errors: Mapping[HTTPStatus, str]) -> dict[str, Any]:
        return {str(status.value): self._response(status, answers, errors) for status in sorted({*answers, *errors, *ANY_CALL})}

    def _response(
        self, status: HTTPStatus, answers: Mapping[HTTPStatus, Any], errors: Mapping[HTTPStatus, str]
    ) -> dict[str, Any]:
        texts = [text for known in (errors, ANY_CALL) if (text := known.get(status))]
        kinds = [*([answers[status]] if status in answers else []), *([self.shapes.kind(self.path)] if texts else [])]
        schemas = [self._schema(kind) for kind in kinds]
        schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
        return {"description": " ".join(texts) or status.phrase, "content": {"application/json": {"schema": schema}}}

    def _schema(self, kind: Any) -> dict[str, Any]:
        [schema], components = msgspec.json.schema_components([kind], ref_template=REF)
        self.schemas.update(components)
        return schema


def _in_query(call: DescribedCall) -> Iterator[dict[str, Any]]:
    for name, text in call.query.items():
        yield {"name": name, "in": "query", "description": text, "schema": SCHEMAS[name]}
