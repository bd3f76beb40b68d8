"""Background loops and the tasks of the application: what is cancelled without having been asked to end goes on."""

import asyncio

import pytest

from connector.runtime import supervision
from connector.runtime.deadline import within
from connector.runtime.steps import attempt, step
from connector.runtime.supervision import OwnedTasks, supervised
from drivers.cancellation import StrayCancellation, cancelled_only_if_asked


async def cancelled() -> bool:
    raise asyncio.CancelledError


async def test_a_background_loop_that_is_cancelled_by_nobody_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "RESTART_AFTER", 0)
    starts = asyncio.Semaphore(0)

    async def loop() -> None:
        starts.release()
        await cancelled()

    async with asyncio.timeout(10), supervised("loop", loop):
        for _ in range(3):
            await starts.acquire()


async def test_a_background_loop_that_swallows_the_question_is_asked_to_end_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "ASK_AGAIN", 0.01)
    swallowed = asyncio.Event()

    async def loop() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            swallowed.set()
        await asyncio.Event().wait()

    async with asyncio.timeout(10):
        async with supervised("loop", loop):
            await asyncio.sleep(0)
        assert swallowed.is_set()


async def test_a_step_that_is_cancelled_by_nobody_has_failed() -> None:
    assert (await step("s", cancelled, deadline=10, late=False, failed=False)).outcome is False

    def at_once() -> bool:
        raise asyncio.CancelledError

    assert attempt("s", at_once, failed=False) is False


async def test_a_step_that_was_asked_to_end_ends() -> None:
    task = asyncio.create_task(step("s", asyncio.Event().wait, deadline=10, late=False, failed=False))
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_deadline_that_passes_around_other_work_is_no_stray_cancellation() -> None:
    async def waits() -> None:
        with cancelled_only_if_asked:
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await within(0, waits())


async def test_a_cancellation_after_a_deadline_has_passed_is_a_stray_one_again() -> None:
    with pytest.raises(TimeoutError):
        await within(0, asyncio.Event().wait())

    with pytest.raises(StrayCancellation), cancelled_only_if_asked:
        await cancelled()


async def test_work_of_another_thread_that_raises_a_cancellation_is_a_defect() -> None:
    def work() -> None:
        with cancelled_only_if_asked:
            raise asyncio.CancelledError

    with pytest.raises(StrayCancellation):
        await asyncio.to_thread(work)


async def test_a_task_of_the_application_counts_as_cancelled_only_at_shutdown() -> None:
    tasks = OwnedTasks()
    stray, waiting = tasks.start(cancelled()), tasks.start(asyncio.Event().wait())

    with pytest.raises(StrayCancellation):
        await stray
    assert await tasks.drain(0) == 1
    assert waiting.cancelled()
