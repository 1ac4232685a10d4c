"""What several test files share: where the public captures are, and what this machine allows."""

from __future__ import annotations

import os

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CAPTURES = Path(os.environ.get("WTREC_CAPTURES", ROOT.parent / "shared" / "data" / "captures"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, saying why, what cannot run here."""
    no_captures = pytest.mark.skip(reason=f"no public captures in {CAPTURES}")
    no_rights = pytest.mark.skip(reason="needs root and /dev/net/tun")
    may_make_interfaces = os.geteuid() == 0 and Path("/dev/net/tun").exists()
    for item in items:
        if item.get_closest_marker("real") and not CAPTURES.is_dir():
            item.add_marker(no_captures)
        if item.get_closest_marker("root") and not may_make_interfaces:
            item.add_marker(no_rights)


@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder of public captures; tests that use it carry the marker ``real``."""
    return CAPTURES
