"""Reading ahead: the same items, the same errors, and no thread left behind."""

from __future__ import annotations

import _thread
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.datasets.ahead import ahead


def readers() -> list[threading.Thread]:
    """The threads that read ahead."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("read-ahead")]


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    """Whatever happens."""
    assert readers() == []
    yield
    assert readers() == []


class TestItems:
    """What comes out."""

    @given(st.lists(st.one_of(st.none(), st.integers())))
    def test_all_in_their_order(self, items: list[int | None]) -> None:
        """Also None, and nothing at all."""
        with ahead(items) as taken:
            assert list(taken) == items

    def test_they_are_made_in_another_thread_one_at_a_time(self) -> None:
        """Always in the same one, so that a generator may be given."""
        with ahead(threading.current_thread() for _ in range(20)) as threads:
            assert len({*threads} | {threading.current_thread()}) == 2

    def test_one_is_made_ahead(self) -> None:
        """The next while one is used, and none behind it."""
        made = [threading.Event() for _ in range(10)]

        def items() -> Iterator[int]:
            for number, event in enumerate(made):
                event.set()
                yield number

        with ahead(items()) as taken:
            for number in taken:
                assert made[min(number + 1, 9)].wait(10)
                assert not any(event.is_set() for event in made[number + 2 :])

    def test_the_source_is_ours_again_afterwards(self) -> None:
        """It goes on behind the last item that was made, which need not have been taken."""
        source = iter(range(100))
        with ahead(source) as taken:
            assert next(taken) == 0
        assert next(source) in {1, 2}


class TestErrors:
    """What goes wrong, in either thread."""

    def test_the_source_fails(self) -> None:
        """Its error comes behind all items before it, and is the same object."""
        error = ValueError("at 3")

        def items() -> Iterator[int]:
            yield from range(3)
            raise error

        with ahead(items()) as taken:
            assert [next(taken) for _ in range(3)] == [0, 1, 2]
            with pytest.raises(ValueError, match="at 3") as caught:
                next(taken)
        assert caught.value is error

    def test_the_user_fails_first(self) -> None:
        """An error of an item that was not taken is not raised."""

        def items() -> Iterator[int]:
            yield 0
            raise ValueError("at 1")

        def use() -> None:
            with ahead(items()) as taken:
                raise KeyError(next(taken))

        with pytest.raises(KeyError, match="0"):
            use()

    def test_leaving_early(self) -> None:
        """What makes an item is waited for, and then there is none."""
        begun, proceed, ended = threading.Event(), threading.Event(), threading.Event()

        def items() -> Iterator[int]:
            yield 0
            begun.set()
            proceed.wait(10)
            ended.set()
            yield 1

        with ahead(items()) as taken:
            assert next(taken) == 0
            assert begun.wait(10)
            threading.Timer(0.05, proceed.set).start()
        assert ended.is_set()
        with pytest.raises(StopIteration):
            next(taken)

    def test_never_begun(self) -> None:
        """Nothing is made that nobody asks for."""
        source = iter(range(3))
        with ahead(source):
            pass
        assert list(source) == [0, 1, 2]

    def test_interrupted(self) -> None:
        """Ctrl-C comes through while the next item is waited for."""
        stop = threading.Event()

        def items() -> Iterator[int]:
            yield 0
            _thread.interrupt_main()
            stop.wait(0.2)
            yield 1

        def use() -> None:
            with ahead(items()) as taken:
                for _ in taken:
                    pass
                stop.wait(10)  # where it comes if no wait is interrupted

        with pytest.raises(KeyboardInterrupt):
            use()
