"""The thread beside the loop: in order, to the end, and deaf to whoever stopped waiting."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from watchword.adapters.thread import LoopThread


@pytest.fixture
def thread() -> Iterator[LoopThread]:
    thread = LoopThread("beside")
    yield thread
    thread.close()


def test_work_is_done_on_the_thread_and_its_result_told(thread: LoopThread) -> None:
    async def test() -> str:
        return await thread.run(lambda: threading.current_thread().name)

    assert "beside" == asyncio.run(test())


def test_work_is_done_in_the_order_of_asking(thread: LoopThread) -> None:
    done: list[int] = []

    async def test() -> None:
        await asyncio.gather(*(thread.run(done.append, number) for number in range(1_000)))

    asyncio.run(test())
    assert list(range(1_000)) == done


def test_work_that_is_lent_the_interpreter_is_taken_up_before_the_loop_goes_on(thread: LoopThread) -> None:
    let_go = threading.Event()

    async def test() -> None:
        await thread.run(lambda: None)  # the thread is there
        asking = thread.run(let_go.wait, 20, lend=True)
        asking.send(None)
        taken = thread._queue.empty()
        asking.close()
        let_go.set()
        assert taken

    asyncio.run(test())


def test_the_loop_never_waits_behind_other_work(thread: LoopThread) -> None:
    let_go = threading.Event()

    async def test() -> None:
        first, second = (asyncio.create_task(thread.run(let_go.wait, 60, lend=True)) for _ in range(2))
        await asyncio.sleep(0)  # both were asked for, and here the loop is
        let_go.set()
        assert all(await asyncio.gather(first, second))  # where it waited, the first had waited in vain

    asyncio.run(test())


def test_an_exception_reaches_whoever_waits_and_ends_nothing(thread: LoopThread) -> None:
    async def test() -> int:
        with pytest.raises(ZeroDivisionError):
            await thread.run(lambda: 1 // 0)
        return await thread.run(lambda: 1)

    assert 1 == asyncio.run(test())


def test_work_whose_caller_left_is_done_and_harms_nobody(thread: LoopThread) -> None:
    begun, let_go = threading.Event(), threading.Event()
    done: list[str] = []

    def slow() -> None:
        begun.set()
        let_go.wait(20)
        done.append("slow")

    async def test() -> None:
        waiting = asyncio.create_task(thread.run(slow))
        await asyncio.to_thread(begun.wait, 20)
        waiting.cancel()
        let_go.set()
        await thread.run(done.append, "next")

    asyncio.run(test())
    assert ["slow", "next"] == done


def test_work_outlives_the_loop_that_asked_for_it(thread: LoopThread) -> None:
    let_go = threading.Event()

    async def leave() -> None:
        asking = asyncio.create_task(thread.run(let_go.wait, 20))
        await asyncio.sleep(0)
        asking.cancel()

    asyncio.run(leave())
    let_go.set()

    async def test() -> int:
        return await thread.run(lambda: 1)

    assert 1 == asyncio.run(test())


def test_closing_finishes_what_was_asked_for_and_takes_nothing_more() -> None:
    thread = LoopThread("beside")
    done: list[int] = []

    async def test() -> None:
        asked = [asyncio.create_task(thread.run(done.append, number)) for number in range(100)]
        await asyncio.sleep(0)
        thread.close()
        assert list(range(100)) == done
        await asyncio.gather(*asked)
        with pytest.raises(RuntimeError):
            await thread.run(done.append, 100)

    asyncio.run(test())


def test_a_thread_that_never_worked_is_closed_at_once() -> None:
    LoopThread("beside").close()
