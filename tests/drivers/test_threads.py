"""Work that may block, in threads of its own."""

import asyncio
import subprocess
import sys
import threading
from contextvars import ContextVar

import pytest

from drivers.cancellation import StrayCancellation
from drivers.threads import ThreadOfItsOwn, in_a_thread
from tests.drivers.test_names import MANY, ROOT, WITHIN

WHO: ContextVar[str] = ContextVar("WHO", default="nobody")


async def test_work_that_blocks_holds_up_no_other_work() -> None:
    over = threading.Event()
    blocked = [asyncio.create_task(in_a_thread("blocked", over.wait)) for _ in range(MANY)]
    await asyncio.sleep(0)
    async with asyncio.timeout(WITHIN):
        assert await in_a_thread("sound", lambda: 7) == 7
        over.set()
        assert await asyncio.gather(*blocked) == [True] * MANY


async def test_work_in_a_thread_is_done_while_the_event_loops_own_threads_are_all_taken() -> None:
    over = threading.Event()
    taken = [asyncio.create_task(asyncio.to_thread(over.wait)) for _ in range(MANY)]
    await asyncio.sleep(0)
    async with asyncio.timeout(WITHIN):
        assert await in_a_thread("sound", lambda: 7) == 7
    over.set()
    await asyncio.gather(*taken)


@pytest.mark.parametrize(("raised", "told"), [(ValueError, ValueError), (asyncio.CancelledError, StrayCancellation)])
async def test_what_work_in_a_thread_raises_is_raised(raised: type[BaseException], told: type[Exception]) -> None:
    def work() -> None:
        raise raised

    with pytest.raises(told):
        await in_a_thread("breaks", work)


async def test_work_in_a_thread_knows_the_context_that_it_was_begun_in() -> None:
    WHO.set("somebody")
    assert await in_a_thread("asks", WHO.get) == "somebody"


async def test_work_that_nobody_waits_for_any_more_goes_on() -> None:
    go_on, done = threading.Event(), threading.Event()

    def work() -> None:
        go_on.wait()
        done.set()

    task = asyncio.create_task(in_a_thread("goes on", work))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    go_on.set()
    assert await asyncio.to_thread(done.wait, WITHIN)


def test_a_process_that_ends_waits_for_no_work_that_blocks() -> None:
    text = """
import asyncio, threading
from drivers.threads import in_a_thread
async def give_up():
    try:
        async with asyncio.timeout(0.1):
            await in_a_thread("blocked", threading.Event().wait)
    except TimeoutError:
        print("given up")
asyncio.run(give_up())
"""
    ended = subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, timeout=WITHIN, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "given up\n", "")


async def test_works_of_one_thread_run_there_in_their_order_even_if_nobody_waits_for_one() -> None:
    thread, go_on, done = ThreadOfItsOwn("works"), threading.Event(), list[int]()
    first = asyncio.create_task(thread.run(go_on.wait))
    given_up = asyncio.create_task(thread.run(lambda: done.append(1)))
    last = asyncio.create_task(thread.run(lambda: done.append(2)))
    await asyncio.sleep(0)
    given_up.cancel()
    go_on.set()
    async with asyncio.timeout(WITHIN):
        await asyncio.gather(first, last)
        assert done == [1, 2]
        assert await thread.run(threading.get_ident) == await thread.run(threading.get_ident)
        with pytest.raises(ZeroDivisionError):
            await thread.run(lambda: 1 // 0)
    thread.end()


async def test_a_thread_ends_after_its_works_and_begins_anew_with_a_later_one() -> None:
    thread = ThreadOfItsOwn("works")
    async with asyncio.timeout(WITHIN):
        former = await thread.run(threading.current_thread)
        thread.end()
        thread.end()
        await asyncio.to_thread(former.join)
        assert await thread.run(threading.current_thread) is not former
    thread.end()
