"""``./dev bench``: the names it takes are the modules there are."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from click.testing import CliRunner

from wtrec.benchmarks import run
from wtrec.benchmarks.run import BENCHMARKS, main


def test_every_name_is_a_module_that_runs_and_reports() -> None:
    """All of them have ``run`` and ``report``, and every such module has a name."""
    for name in BENCHMARKS:
        module = import_module(f"wtrec.benchmarks.{name}")
        assert callable(module.run)
        assert callable(module.report)
    folder = Path(run.__file__).parent
    reporting = {path.stem for path in folder.glob("*.py") if "\ndef report(" in path.read_text()}
    assert reporting == set(BENCHMARKS)


def test_a_misspelt_name_is_refused_before_anything_runs() -> None:
    """The names that there are stand in the message."""
    result = CliRunner().invoke(main, ["captur"])
    assert result.exit_code == 2
    assert "departures" in result.output


def test_help_lists_the_names_and_runs_nothing() -> None:
    """Each with what it measures."""
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    assert all(name in result.output for name in BENCHMARKS)
