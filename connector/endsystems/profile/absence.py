"""Tells why a value is not in an answer: what was looked for, and what the answer shows of it. No value is repeated."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from yarl import URL

from connector.endsystems.http.cookies import cookies_of
from connector.endsystems.http.response import Response
from connector.endsystems.profile.extract import Extract
from connector.endsystems.profile.json_path import why_not_in_json
from connector.endsystems.profile.markup import NotXml

MEDIA_TYPE = re.compile(r"[\w.+-]{1,40}/[\w.+-]{1,40}")


def why_missing(extract: Extract, answer: Response, earlier: Sequence[Response] = (), following: Sequence[URL] = ()) -> str:
    """Return why there is no value, or an empty one. The arguments are those of `Extract.value`."""
    whole = extract.model_copy(update={"pattern": None, "query": None})
    if whole.value(answer, earlier, following):
        return _of_part(extract)
    if extract.cookie is not None:
        return _of_cookie(extract.cookie, answer)
    if extract.cookies is not None:
        return "no such cookie is left for the requests that follow; its host or its Path may lead elsewhere"
    if extract.header is not None:
        return f"the answer has no header `{extract.header}`, or an empty one"
    if answer.packing:
        return f"the body is compressed ({answer.packing}), and could not be unpacked"
    return "only the first 64 KiB of the body are read" if answer.is_cut else _of_body(extract, answer)


def _of_part(extract: Extract) -> str:
    if extract.query is not None:
        return f"{_source(extract)} has no parameter `{extract.query}`, or an empty one"
    return f"the pattern fits nothing in {_source(extract)}, or its group is empty"


def _source(extract: Extract) -> str:
    if extract.header is not None:
        return f"the header `{extract.header}`"
    if extract.cookie is not None:
        return f"the cookie `{extract.cookie}`"
    if extract.cookies is not None:
        return "the cookies"
    if extract.json_path is not None:
        return f"`{extract.json_path}`"
    return "the body" if extract.xml is None else "the element"


def _of_cookie(name: str, answer: Response) -> str:
    set_here = [cookie for cookie in cookies_of(answer, datetime.now(UTC)) if cookie.name == name]
    if not set_here:
        return f"the answer sets no cookie `{name}`"
    if set_here[-1].is_deleted or not set_here[-1].value:
        return "the answer deletes this cookie"
    return "this cookie is Secure, and a request that follows goes over a connection in clear"


def _of_body(extract: Extract, answer: Response) -> str:
    try:
        if extract.json_path is not None:
            return why_not_in_json(answer.text, extract.json_path)
        if extract.xml is not None:
            return "the element is empty" if extract.xml.value_in(answer.text) == "" else "the body has nothing at this path"
    except NotXml as problem:
        return str(problem)
    except (ValueError, RecursionError):
        kind = answer.content_type.partition(";")[0].strip()
        return "the body is not JSON" + (f" but {kind}" if MEDIA_TYPE.fullmatch(kind) and "json" not in kind else "")
    return _of_part(extract)
