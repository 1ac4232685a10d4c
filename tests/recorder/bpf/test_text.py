"""The two text forms of tcpdump."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.errors import FormatError
from wtrec.recorder import bpf

EXPRESSIONS = ["udp port 5005", "radio[2:2] > 20", "ether[0] & 1 = 0 or icmp6"]


class TestText:
    """The two text forms of tcpdump."""

    @pytest.mark.parametrize("form", ["-dd", "-ddd"])
    @pytest.mark.parametrize("expression", EXPRESSIONS)
    def test_both_forms(self, expression: str, form: str, tcpdump: Callable[..., str]) -> None:
        """Either form gives the program that was compiled, and is what is written of it."""
        text = tcpdump(expression, form)
        program = bpf.compile_expression(expression)
        assert bpf.parse(text) == program
        assert {"-dd": bpf.to_c, "-ddd": bpf.to_decimal}[form](program) == text

    def test_comments(self) -> None:
        """Comments and blank lines are passed over, several instructions may share a line."""
        text = """
            /* all frames,
               64 bytes */
            { 0x28, 0, 0, 0x0000000c }, { 0x15, 0, 1, 2 }, // load, compare

            {0x6,0,0,0x40},
            # none
            { 0x6, 0, 0, 0 }
        """
        codes = [i.code for i in bpf.parse(text).instructions]
        assert codes == [0x28, 0x15, 0x06, 0x06]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "1 to 4096"),
            ("1\n6 0 0\n", "line 2: wanted 'code jt jf k'"),
            ("\n\n{ 6, 0, 0 },", "line 3: wanted {"),
            ("{ 6, 0, 0, 0x40 } x", "line 1: wanted {.*'x'"),
            ("/* two\nlines */ 6 0 0 x", "line 2"),
            ("2\n6 0 0 64", "announces 2 BPF instructions, 1 follow"),
            ("6 256 0 64", "line 1: .*8"),
            ("6 0 0 4294967296", "line 1: .*32"),
            ("6 0 0 64\n" * 5000, "line 4097: more than 4096"),
            ("/* " * 500_000, "1 to 4096"),
            ("__import__('os')", "line 1: wanted"),
        ],
    )
    def test_refused(self, text: str, message: str) -> None:
        """What is no program is refused with the line it stands in."""
        with pytest.raises(FormatError, match=message):
            bpf.parse(text)

    @given(st.text() | st.text(alphabet="{}0x126, \n/*#"))
    def test_any_text(self, text: str) -> None:
        """Any text is a program or a FormatError."""
        with contextlib.suppress(FormatError):
            bpf.parse(text)
