"""``wtrec algos``: what is said of the algorithms that there are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wtrec.cli.main import wtrec
from wtrec.errors import ChoiceError
from wtrec.replay.choice import available

PLUGIN = '''
class Guess:
    """Guesses, with both feet
    on the ground.

    Args:
        depth: How far
            it looks.
        seed (int): Where it begins.

    Raises:
        ValueError: Never.
    """

    name = "guess"
    source = "a paper"

    def __init__(self, depth: int = 3, seed: int = 1, quick: bool = False) -> None:
        """Make it."""
'''


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package with an algorithm, and one that is broken."""
    (tmp_path / "guess_plugin.py").write_text(PLUGIN)
    folder = tmp_path / "guess-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: guess\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(
        "[wtrec.algorithms]\nguess = guess_plugin:Guess\nbroken = no_such_module_at_all:Thing\n"
        "crc-flip = guess_plugin:Guess\nempty = guess_plugin:Nothing\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))


CRC_FLIP = "crc-flip:max_flips=3,gate=0.01,checks=llc+ip+transport+known"


def _algos(*words: str) -> Result:
    return CliRunner().invoke(wtrec, ["algos", *words])


class TestList:
    """All of them."""

    def test_as_algo_takes_them(self) -> None:
        """With their parameters and defaults, and a line of description."""
        shown = _algos().output
        assert f"{CRC_FLIP}\n    Up to three flipped bits" in shown
        assert "\nexec:COMMAND\n    A program in any language" in shown

    def test_json(self) -> None:
        """One object with all of them, in the same order."""
        shown = json.loads(_algos("--format", "json").output)
        assert [each["name"] for each in shown["algorithms"]] == list(available())
        for each in shown["algorithms"]:
            assert each["source"], each["name"]
            assert each["cost"], each["name"]
            assert all(parameter["meaning"] for parameter in each["parameters"]), each["name"]

    @pytest.mark.usefixtures("plugin")
    def test_a_broken_package_hides_no_other(self) -> None:
        """What can be loaded is listed before the errors, a line each; a name twice is said."""
        result = _algos()
        assert "guess:depth=3,seed=1,quick=False\n" in result.output
        assert "crc-flip:" in result.output
        assert result.exit_code == 1
        warning, broken, empty = result.stderr.splitlines()
        assert warning.startswith("wtrec: warning: crc-flip: guess_plugin:Guess is not used: ")
        assert broken.startswith("wtrec: broken cannot be loaded: ModuleNotFoundError: ")
        assert empty.startswith("wtrec: empty cannot be loaded: AttributeError: ")


class TestOne:
    """One of them."""

    def test_words(self) -> None:
        """Description, parameters with their meanings, source, cost, and the module's opening."""
        shown = _algos("crc-flip").output
        for part in [
            f"{CRC_FLIP}\n    Up to three flipped bits, found by the FCS.\n",
            "\n    max_flips (int, default 3): Largest number of flips to look for, 1 to 3.\n",
            "\n    source: McDaniel, C/C++ Users Journal 2003",
            "\n    cost: ",
            "found by the FCS alone",
        ]:
            assert part in shown
        assert "Raises" not in shown

    def test_exec(self) -> None:
        """The command is one of its parameters, and where they stand is said."""
        shown = _algos("exec").output
        assert "\n    command (str, default empty): The program and its arguments" in shown
        assert "``exec:timeout=5,restarts=2:./decoder --flag``" in shown

    @pytest.mark.usefixtures("plugin")
    def test_a_plugin(self) -> None:
        """It may leave out what it likes."""
        assert json.loads(_algos("guess", "--format", "json").output) == {
            "algorithms": [
                {
                    "name": "guess",
                    "usage": "guess:depth=3,seed=1,quick=False",
                    "summary": "Guesses, with both feet",
                    "details": "on the ground.",
                    "parameters": [
                        {
                            "name": "depth",
                            "type": "int",
                            "default": 3,
                            "meaning": "How far it looks.",
                        },
                        {
                            "name": "seed",
                            "type": "int",
                            "default": 1,
                            "meaning": "Where it begins.",
                        },
                        {"name": "quick", "type": "bool", "default": False, "meaning": None},
                    ],
                    "source": "a paper",
                    "cost": None,
                }
            ]
        }
        shown = _algos("guess").output
        assert "\n    quick (bool, default False): no description\n    source: a paper\n" in shown
        assert "cost" not in shown

    def test_unknown(self) -> None:
        """The error names those that there are."""
        error = _algos("crc-magic").exception
        assert isinstance(error, ChoiceError)
        assert str(error).startswith(
            "no algorithm 'crc-magic'; there are: auto, chase, crc-burst, "
        )
