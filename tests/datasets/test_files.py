"""How new files are made."""

from __future__ import annotations

import os
import threading

import pytest

from wtrec.datasets.files import new_file_permissions


class TestPermissions:
    """New files have the permissions that the process gives to files."""

    @pytest.fixture(autouse=True)
    def _umask(self) -> object:
        before = os.umask(0o027)
        yield
        os.umask(before)

    def test_are_those_of_the_mask(self) -> None:
        """The mask takes bits away."""
        assert new_file_permissions() == 0o640

    def test_the_mask_is_not_touched(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Not even for a moment, in which other threads would make files."""
        touched: list[int] = []
        monkeypatch.setattr(os, "umask", touched.append)
        assert new_file_permissions() == 0o640
        assert touched == []

    def test_without_proc(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Threads that ask together leave the mask as it was."""
        monkeypatch.setattr("wtrec.datasets.files._STATUS", "/nowhere")
        found: list[int] = []

        def ask() -> None:
            found.extend(new_file_permissions() for _ in range(500))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert set(found) == {0o640}
        assert new_file_permissions() == 0o640
