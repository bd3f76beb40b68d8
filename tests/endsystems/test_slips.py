"""Slips of real servers: an answer that leaves nothing in doubt is read, any other is not whole."""

from itertools import pairwise

import pytest

from connector.config.settings import EndSystemDeadlines
from connector.endsystems.http.forgiving import LONGEST_HEAD, mended
from connector.model.outcomes import LogoutOutcome, LogoutResult
from tests.endsystems.opened import LOGOUT, login, opened
from tests.endsystems.raw_server import raw_server
from tests.quickness import at_most

OK = b"HTTP/1.1 200 OK\r\n"
NONE = b"HTTP/1.1 204 No Content\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n"
FORGIVEN = {
    "204 with a length and a body": NONE + b"Content-Length: 2\r\n\r\n{}",
    "204 with a body": NONE + b"\r\n<html>",
    "204 with a body at the end": NONE + b"Connection: close\r\n\r\n<html>",
    "204 with a chunk": NONE + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "more than the length": OK + b"Content-Length: 2\r\n\r\n{}\r\nxx",
    "more than the last chunk": CHUNKED + b"\r\n2\r\n{}\r\n0\r\n\r\nxx",
    "a length twice": OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a length twice in one line": OK + b"Content-Length: 2, 2\r\n\r\n{}",
    "no length in its header": OK + b"Content-Length: \r\n\r\n{}",
    "a length and chunks": CHUNKED + b"Content-Length: 9\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "a blank before a colon": OK + b"X-A : 1\r\nContent-Length : 2\r\n\r\n{}",
    "a line without a colon": OK + b"garbage\r\nContent-Length: 2\r\n\r\n{}",
    "a name that is none": OK + b"X A(b): 1\r\n: x\r\nContent-Length: 2\r\n\r\n{}",
    "no CR": b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
    "a line that goes on": OK + b"X-A: 1\r\n  2\r\nContent-Length: 2\r\n\r\n{}xx",
    "line breaks before": b"\r\n" + OK + b"Content-Length: 2\r\n\r\n{}xx",
    "hints before": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\n{}xx",
    "200 headers": OK + b"X-A: 1\r\n" * 200 + b"Content-Length: 2\r\n\r\n{}",
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n{}",
}
REFUSED = {
    "two lengths": OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a negative length": OK + b"Content-Length: -1\r\n\r\n{}",
    "less than the length": OK + b"Content-Length: 10\r\n\r\n{}",
    "chunks without an end": CHUNKED + b"\r\n2\r\n{}\r\n",
    "chunks without CR": CHUNKED + b"\r\n2\n{}\n0\n\n",
    "a chunk that is none": CHUNKED + b"\r\nxyz\r\n{}",
    "another version": b"HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "a status that is none": b"HTTP/1.1 2000 OK\r\n\r\n",
    "600 headers": OK + b"X-A: 1\r\n" * 600 + b"\r\n",
    "a head without an end": OK + b"X-A: 1\r\n",
    "nothing": b"",
    "a head of 2 MiB": OK + b"X-A: 1\r\n" * (1 << 18) + b"\r\n",
}


async def log_out(*pieces: bytes) -> LogoutOutcome:
    deadlines = EndSystemDeadlines(connect=5, read=5, total=5)
    async with raw_server(*pieces) as url, opened(LOGOUT.format(path=""), base_url=url, deadlines=deadlines) as end_system:
        return await end_system.logout(login(Authorization="t"))


@pytest.mark.parametrize("answer", FORGIVEN.values(), ids=FORGIVEN)
async def test_an_answer_with_a_slip_is_read_in_one_piece_or_in_many(answer: bytes) -> None:
    middle = len(answer) // 2
    cuts = [0, 1, 14, middle, len(answer) - 3, len(answer) - 1, len(answer)]
    for pieces in ([answer], [answer[:middle], answer[middle:]], [answer[begin:end] for begin, end in pairwise(cuts)]):
        outcome = await log_out(*pieces)
        assert outcome.result is LogoutResult.ACKNOWLEDGED, (pieces, outcome)


@pytest.mark.parametrize("answer", REFUSED.values(), ids=REFUSED)
async def test_an_answer_that_leaves_something_in_doubt_is_not_whole(answer: bytes) -> None:
    for pieces in ([answer], [answer[:20], answer[20:]]):
        outcome = await log_out(*pieces)
        assert (outcome.result, outcome.code) == (LogoutResult.PENDING, "connection"), pieces


def test_a_sound_head_is_fed_as_it_came() -> None:
    for head in (
        NONE + b"\r\n",
        OK + b"Set-Cookie: a=1\r\nset-cookie: b;x=\xff\r\nContent-Length: 0 \r\n\r\n",
        CHUNKED + b"\r\n",
    ):
        assert mended(head) is head


@pytest.mark.parametrize("line", [b" x\r\n", b"a\n", b"content-length: 1\r\n", b"x:\r\n", b"\t\r\n", b"Content-Length: 1,1\r\n"])
def test_a_head_of_many_lines_is_mended_in_no_time(line: bytes) -> None:
    head = OK + b"X-A: 1\r\n" + line * (LONGEST_HEAD // len(line)) + b"\r\n"
    with at_most(1.5):
        mended(head)
