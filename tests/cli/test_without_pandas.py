"""Commands do not import pandas, and whoever wants it has it."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("pandas")

START = """
import sys
from wtrec.cli.without_pandas import start_without_pandas
start_without_pandas()
import wtrec.datasets.frames
assert "pandas" not in sys.modules
import pyarrow as pa
table = pa.table({"a": [1, 2]})
assert "pandas" not in sys.modules
"""


@pytest.mark.parametrize(
    "use",
    [
        "assert table.to_pandas()['a'].sum() == 3",
        "import pandas; assert pa.array(pandas.Series([1, 2])).to_pylist() == [1, 2]",
        "import pandas; assert pa.table(pandas.DataFrame({'a': [1, 2]})) == table",
    ],
)
def test_pandas_when_it_is_wanted(use: str) -> None:
    """Reading our tables leaves it alone; then pyarrow converts to it and from it as ever."""
    subprocess.run([sys.executable, "-c", START + use], check=True, timeout=60)


def test_a_module_of_somebody_else_imports_it_first() -> None:
    """It gets it, at once."""
    code = START.replace("import wtrec.datasets.frames", "import pandas").replace("not in", "in")
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
