"""How algorithms are found and made."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.datasets.frames import FrameBatch
from wtrec.errors import AlgorithmError, ChoiceError
from wtrec.replay.algorithm import Algorithm, PerFrameAlgorithm, Repairs
from wtrec.replay.algorithms.checks import ALL
from wtrec.replay.algorithms.crc_flip import CrcFlip
from wtrec.replay.choice import Parameter, available, hidden, load, make, parameters

PLUGIN = """
from wtrec.replay.algorithm import PerFrameAlgorithm

class FlipLast(PerFrameAlgorithm):
    name = "flip-last"

    def __init__(self, mask: int = 0x80, quick: bool = False, level=0.5, label: str = "a") -> None:
        self.mask = mask

    def repair(self, mpdu, row, frames):
        return mpdu[:-1] + bytes([mpdu[-1] ^ self.mask])
"""


PARAMETERS = "max_flips, gate, checks"  # of crc-flip


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package that registers algorithms, good ones and broken ones."""
    (tmp_path / "flip_last.py").write_text(PLUGIN)
    folder = tmp_path / "flip_last-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: flip-last\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(
        "[wtrec.algorithms]\n"
        "flip-last = flip_last:FlipLast\n"
        "other-name = flip_last:FlipLast\n"
        "crc-flip = flip_last:FlipLast\n"
        "no-module = no_such_module_at_all:Thing\n"
        "no-class = flip_last:Thing\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))


class TestMake:
    """From ``name:parameter=value`` to an algorithm."""

    def test_choice(self) -> None:
        """Values are read by their type, and given back with the defaults."""
        algorithm, values = make("crc-flip:max_flips=2,gate=0.1")
        assert isinstance(algorithm, CrcFlip)
        assert isinstance(algorithm, Algorithm)
        assert values == {"max_flips": 2, "gate": 0.1, "checks": ALL}
        assert make("crc-flip:gate=1e-3")[1] == {"max_flips": 3, "gate": 0.001, "checks": ALL}
        assert make("crc-flip:")[1] == {"max_flips": 3, "gate": 0.01, "checks": ALL}

    @pytest.mark.parametrize(
        ("choice", "message"),
        [
            ("", "no algorithm ''; there are: " + ", ".join(available())),
            ("crc-flop:a=1", "no algorithm 'crc-flop'; there are: " + ", ".join(available())),
            (
                "crc-flip:flips=1",
                "crc-flip takes no parameter 'flips=1'; it has: max_flips, gate, checks",
            ),
            (
                "crc-flip:gate",
                "crc-flip: gate has no value: wanted gate=VALUE",
            ),
            ("crc-flip:gate=", "crc-flip: gate='', wanted float"),
            ("crc-flip:max_flips=1.5", "crc-flip: max_flips='1.5', wanted int"),
            ("crc-flip:max_flips=9", "crc-flip: max_flips=9, wanted 1 to 3"),
            ("crc-flip:max_flips=1,max_flips=2", "crc-flip: max_flips is given twice"),
            ("crc-event:lookups=-5", "crc-event: lookups=-5, wanted 0 or more"),
        ],
    )
    def test_errors(self, choice: str, message: str) -> None:
        """What is wrong with a choice is said in one line, with what there is instead."""
        with pytest.raises(ChoiceError) as caught:
            make(choice)
        assert str(caught.value) == message
        assert caught.value.exit_code == 2

    @given(st.text(max_size=40))
    def test_any_text(self, text: str) -> None:
        """Any text after the name makes an algorithm, or is an error in one line."""
        message = ""
        try:
            make(f"crc-flip:{text}")
        except AlgorithmError as error:
            message = str(error)
        assert len(message.splitlines()) <= 1

    def test_available(self) -> None:
        """What ships is listed without being loaded, and loads."""
        assert "crc-flip" in available()
        assert load("crc-flip") is CrcFlip
        assert parameters(CrcFlip) == [
            Parameter("max_flips", int, 3),
            Parameter("gate", float, 0.01),
            Parameter("checks", str, ALL),
        ]

    @pytest.mark.usefixtures("plugin")
    def test_plugin(self) -> None:
        """An installed package's algorithm is listed and made like ours."""
        assert {"crc-flip", "flip-last"} <= set(available())
        algorithm, values = make("flip-last:mask=1,quick=Yes,level=2")
        assert isinstance(algorithm, PerFrameAlgorithm)
        assert values == {"mask": 1, "quick": True, "level": 2.0, "label": "a"}
        with pytest.raises(AlgorithmError, match=r"^flip-last: quick='maybe', wanted bool$"):
            make("flip-last:quick=maybe")

    @pytest.mark.usefixtures("plugin")
    def test_names(self) -> None:
        """That of the entry point is the algorithm's, and wtrec's own are not replaced."""
        algorithm, _ = make("other-name")
        assert algorithm.name == "other-name"
        assert load("crc-flip") is CrcFlip
        ours = "wtrec.replay.algorithms.crc_flip:CrcFlip"
        assert hidden() == {
            "crc-flip": [f"crc-flip: flip_last:FlipLast is not used: {ours} has this name"]
        }

    @pytest.mark.usefixtures("plugin")
    @pytest.mark.parametrize("name", ["no-module", "no-class"])
    def test_broken_plugin(self, name: str) -> None:
        """A package that cannot be loaded is an error in one line, and hides no other."""
        with pytest.raises(AlgorithmError, match=rf"^{name} cannot be loaded: .*") as caught:
            make(name)
        assert "\n" not in str(caught.value)
        make("crc-flip")


class TestParameters:
    """What an algorithm's ``__init__`` says about its parameters."""

    def test_none(self) -> None:
        """Without an ``__init__`` there are none, even below the protocol itself."""

        class Plain(PerFrameAlgorithm):
            name = "plain"

        class Explicit(Algorithm):
            name = "explicit"

            def recover(self, frames: FrameBatch) -> Repairs:
                del frames
                return Repairs.none()

            def finish(self) -> Repairs:
                return Repairs.none()

        assert parameters(Plain) == []
        assert parameters(Explicit) == []

    def test_no_default(self) -> None:
        """A parameter that a user would have to give is refused."""

        class Needy(PerFrameAlgorithm):
            name = "needy"

            def __init__(self, depth: int) -> None: ...

        with pytest.raises(AlgorithmError, match="needy: its parameter depth wants a default"):
            parameters(Needy)

    def test_strange_type(self) -> None:
        """A parameter that no text can give is refused."""

        class Strange(PerFrameAlgorithm):
            name = "strange"

            def __init__(self, depth: int | None = None) -> None: ...

        with pytest.raises(AlgorithmError, match="strange: its parameter depth wants"):
            parameters(Strange)
