"""`session.http`: aiohttp's client as authors know it."""

import warnings
from collections.abc import Callable
from typing import Any

import aiohttp
from yarl import URL

from connector.endsystems.http.authorised import RedirectNotAllowed, TargetNotAllowed
from connector.endsystems.http.authors_answer import EndSystemAnswer
from connector.model.errors import RequestOver


class AnswerNotHttp(aiohttp.ClientConnectionError):
    """What came over the connection is not HTTP."""


with warnings.catch_warnings():
    # aiohttp discourages it because its insides may change: its version is pinned, and tests hold what is used here.
    warnings.simplefilter("ignore", DeprecationWarning)

    class AuthorsClient(aiohttp.ClientSession):
        """A client whose relative URLs begin at its base URL, with a leading slash or without."""

        ATTRS = aiohttp.ClientSession.ATTRS | {"_accepted"}

        def __init__(self, *, accepted: Callable[[], None] | None = None, **options: Any) -> None:
            """Make it; `accepted` is called when the end system answers with success at the base URL's origin."""
            super().__init__(**options)
            self._accepted = accepted

        @property
        def base_url(self) -> URL | None:
            """Where relative URLs begin, None if there is no such place."""
            return self._base_url

        async def _request(self, method: str, str_or_url: str | URL, **options: Any) -> aiohttp.ClientResponse:
            if self.closed:
                raise RequestOver("`session.http` was used after its request; call `connector.session(request)` in each request")
            # aiohttp would put those of one request in the place of ours, which guard and carry the login.
            if (own := options.get("middlewares")) is not None:
                options["middlewares"] = (*self._middlewares, *own)
            answer = await self._guarded(method, self._below_base(URL(str_or_url)), options)
            self._note(answer)
            if isinstance(answer, EndSystemAnswer) and options.get("raise_for_status") is not False:
                answer.hand_over()
            return answer

        async def _guarded(self, method: str, url: URL, options: dict[str, Any]) -> aiohttp.ClientResponse:
            try:
                return await super()._request(method, url, **options)
            except TargetNotAllowed as problem:
                if problem.url.with_query(None) == self._build_url(url).with_query(None).with_fragment(None):
                    raise
                raise RedirectNotAllowed(str(problem), problem.url) from None
            except aiohttp.ClientResponseError as problem:
                # aiohttp has this very class for what it cannot parse, as if that were a 400, with the URL and the bytes.
                if type(problem) is aiohttp.ClientResponseError:
                    raise AnswerNotHttp from None
                raise

        def _below_base(self, url: URL) -> URL:
            if self._base_url is None or url.absolute or not url.raw_path.startswith("/"):
                return url
            # With a dot before it, a colon in the first segment does not look like that of a scheme.
            path = f"./{url.raw_path.lstrip('/')}"
            return URL.build(path=path, query_string=url.raw_query_string, fragment=url.raw_fragment, encoded=True)

        def _note(self, answer: aiohttp.ClientResponse) -> None:
            """Note that the login works. What a redirect leads to may be a page for logging in, and proves nothing."""
            if self._accepted is None or self._base_url is None or answer.history or answer.status >= 300:
                return
            # Another allowed address says nothing about the one where the login is ended.
            if answer.url.origin() == self._base_url.origin():
                self._accepted()
