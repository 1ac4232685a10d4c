"""Steps of an experiment, and the commands that set them, which are real ones here."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.recorder.steps import Hook, HookError, Step, grid, parse_step
from wtrec.recorder.stop import Stop

WORDS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=30)


@pytest.fixture
def stop() -> Iterator[Stop]:
    """Nobody asks, unless the test does."""
    with Stop() as request:
        yield request


class TestStep:
    """What a step says."""

    def test_values(self) -> None:
        """Short names are the log's, numbers are numbers, and other keys are text."""
        step = parse_step("rate=5.5, power=-3,antenna=left one")
        assert (step.rate_mbps, step.tx_power_dbm) == (5.5, -3.0)
        assert step.values["antenna"] == "left one"
        assert str(step) == "rate_mbps=5.5,tx_power_dbm=-3,antenna=left one"
        assert (Step().rate_mbps, Step().tx_power_dbm) == (None, None)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "wanted KEY=VALUE"),
            ("rate", "wanted KEY=VALUE"),
            ("a b=1", "wanted KEY=VALUE"),
            ("rate=fast", "rate_mbps: wanted a number, found 'fast'"),
            ("rate=0", "rate_mbps: wanted a number"),
            ("power=nan", "tx_power_dbm: wanted a number"),
            ("rate=1,rate_mbps=2", "rate_mbps is there twice"),
        ],
    )
    def test_no_step(self, text: str, message: str) -> None:
        """The error says what is wrong."""
        with pytest.raises(ValueError, match=message):
            parse_step(text)

    def test_grid(self) -> None:
        """All rates at the first power, then at the next; one of both will do."""
        steps = grid(["6", "54"], ["10", "15"])
        assert [(step.rate_mbps, step.tx_power_dbm) for step in steps] == [
            (6, 10),
            (54, 10),
            (6, 15),
            (54, 15),
        ]
        assert [step.values for step in grid(["6"], [])] == [{"rate_mbps": "6"}]
        assert [step.values for step in grid([], ["1", "2"])] == [
            {"tx_power_dbm": "1"},
            {"tx_power_dbm": "2"},
        ]


class TestHook:
    """Commands."""

    @given(WORDS)
    def test_a_value_never_leaves_its_word(self, value: str) -> None:
        """Whatever a value holds, the command has the words of its template."""
        words = Hook("ssh ap 'wl rate={a} x' {b}").command(Step({"a": value, "b": "2"}))
        assert words == ["ssh", "ap", f"wl rate={value} x", "2"]

    @given(WORDS.filter(lambda text: "\n" not in text and "\r" not in text))
    def test_a_shell_gets_values_quoted(self, value: str) -> None:
        """A shell splits no value, and expands nothing in it."""
        import shlex

        command = Hook("echo {a}", shell=True).command(Step({"a": value}))
        assert command[:2] == ["/bin/sh", "-c"]
        assert shlex.split(command[2]) == ["echo", value]

    @pytest.mark.parametrize(
        "template",
        [
            "",
            "  ",
            "x {rate}",
            "x {a.__class__}",
            "x {a[0]}",
            "x {a!r}",
            "x {a:>9}",
            "x {",
            "x '{a}",
        ],
    )
    def test_no_template(self, template: str) -> None:
        """What cannot be filled in, or would do more than that, is refused."""
        with pytest.raises(ValueError, match=r"."):
            Hook(template).command(Step({"a": "1"}))

    def test_braces(self) -> None:
        """Doubled braces are braces."""
        assert Hook("awk {{{a}}}").command(Step({"a": "1"})) == ["awk", "{1}"]

    def test_run(self, tmp_path: Path, stop: Stop) -> None:
        """The command runs to its end."""
        Hook(f"touch {tmp_path}/{{rate_mbps}}").run(parse_step("rate=54"), stop)
        assert (tmp_path / "54").exists()

    def test_no_shell_unless_asked(self, tmp_path: Path, stop: Stop) -> None:
        """What a shell would do is done only by a shell."""
        hook = f"echo a > {tmp_path}/out"
        Hook(hook).run(Step(), stop)
        assert not (tmp_path / "out").exists()
        Hook(hook, shell=True).run(Step(), stop)
        assert (tmp_path / "out").read_text() == "a\n"

    @pytest.mark.parametrize(
        ("template", "message"),
        [
            ("no-such-command-here {a}", "hook no-such-command-here 1: No such file"),
            ("false", "hook false: exit code 1, wanted 0$"),
            (
                "sh -c 'echo one; echo not today >&2; exit 7'",
                "exit code 7, wanted 0; it said: not today",
            ),
            ("sh -c 'kill -9 $$'", "exit code -9, wanted 0"),
        ],
    )
    def test_failure(self, template: str, message: str, stop: Stop) -> None:
        """The error says which command, how it ended and what it said last."""
        with pytest.raises(HookError, match=message):
            Hook(template).run(Step({"a": "1"}), stop)

    def test_timeout(self, stop: Stop) -> None:
        """A command that takes too long is ended."""
        started = time.monotonic()
        with pytest.raises(HookError, match=r"hook sleep 50: not done after 0\.2 s, ended it"):
            Hook("sleep 50", timeout=0.2).run(Step(), stop)
        assert time.monotonic() - started < 20

    def test_stop(self, stop: Stop) -> None:
        """A command is ended when the run shall end, and that is no failure."""
        timer = threading.Timer(0.2, stop.ask, ["SIGTERM"])
        timer.start()
        started = time.monotonic()
        Hook("sleep 50").run(Step(), stop)
        timer.join()
        assert time.monotonic() - started < 20

    def test_much_output(self, stop: Stop) -> None:
        """A command may say more than a pipe holds."""
        Hook("head -c 1000000 /dev/zero").run(Step(), stop)
