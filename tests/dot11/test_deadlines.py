"""Deadlines by name and by number."""

from __future__ import annotations

import pytest

from wtrec.dot11.deadlines import NAMED_US, Deadline


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf", "", "1e300"])
def test_others_are_refused(text: str) -> None:
    """A deadline is a name or a number of microseconds."""
    with pytest.raises(ValueError, match="wanted microseconds or one of sifs"):
        Deadline.parse(text)


@pytest.mark.parametrize("name", NAMED_US)
def test_names(name: str) -> None:
    """A name stands for its time, and says both."""
    deadline = Deadline.parse(name)
    assert deadline.ns == 1000 * NAMED_US[name]
    assert str(deadline).startswith(f"{name} (")


def test_numbers() -> None:
    """Microseconds, to the nanosecond."""
    assert Deadline.parse("12.5").ns == 12_500
    assert str(Deadline.parse("5000")) == "5000 us"
