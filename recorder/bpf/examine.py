"""All that is found out about a filter before it is used, and the sentences that say it."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import FilterError
from .check import CheckedFilter, CompiledFilter, check, compile_both
from .explore import Tried, try_samples
from .libpcap import DLT_IEEE802_11, DLT_IEEE802_11_RADIO
from .named import expand
from .program import MAX_SNAP_LENGTH, Program, with_snaplen
from .sight import Sight, sight

_MOST_FIELDS = 6  # named in a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A filter, ready to be attached.

    Attributes:
        program: To attach.
        linktype: DLT of the frames it is for.
        expression: What it was compiled from, named filters expanded; None for a program of a file.
        checked: How far the compiler can be trusted; None for a program of a file.
        tried: Sample frames first, then what became of them, and what programs did with each;
            ``program``'s outcomes are the last. Empty where it cannot be run.
        sight: What the program looks at; None where it cannot be run.
    """

    program: Program
    linktype: int
    expression: str | None = None
    checked: CheckedFilter | None = None
    tried: tuple[Tried, ...] = ()
    sight: Sight | None = None

    def warnings(self) -> list[str]:
        """What a user must know to trust the filter, a sentence each."""
        checked = self.checked
        if checked is None:
            return []
        found = []
        if checked.mended:
            dropped = sum(not difference.kept for difference in checked.differences)
            kept = len(checked.differences) - dropped
            found.append(
                f"libpcap compiles this filter wrongly: of {len(checked.tried):,} sample frames it "
                f"drops {dropped:,} that should pass, and keeps {kept:,} that should not, first: "
                f"{checked.differences[0].sample.name}; taken instead: a program that is linked "
                f"from the filter's {checked.parts} parts"
            )
        if checked.unchecked:
            found.append(f"the compiled filter is not checked: {checked.unchecked}")
        elif not checked.passing:
            found.append("no sample frame passes this filter: whether it is right is not known")
        if checked.limits:
            shapes = "; ".join(checked.limits)
            found.append(f"libpcap looks for the packet at the wrong place in: {shapes}")
        return found

    def note(self) -> str:
        """What the filter looks at and bit errors can hit; empty if there is nothing.

        Nothing is said of other links than 802.11: bad frames do not come from there.
        """
        if self.linktype not in {DLT_IEEE802_11_RADIO, DLT_IEEE802_11}:
            return ""
        if self.sight is None:
            return "it is not known whether this filter looks at bytes that bit errors can hit"
        if self.sight.is_fair:
            return ""
        names = list(self.sight.frame)
        if len(names) > _MOST_FIELDS:
            names[_MOST_FIELDS - 1 :] = [f"{len(names) - _MOST_FIELDS + 1} more fields"]
        fields = ", ".join(names)
        count = self.sight.bytes
        amount = f" (up to {count} byte{'s' * (count != 1)} of a frame)" if count else ""
        return (
            f"this filter looks at {fields}{amount}: a frame with an error there may not "
            "pass, so such errors are missing from what passes"
        )


def examine_expression(
    text: str, linktype: int = DLT_IEEE802_11_RADIO, snap_length: int = MAX_SNAP_LENGTH
) -> Examined:
    """Compile and check an expression, in which named filters may stand.

    Raises:
        FilterError: It does not compile, or a named filter's parameters are wrong.
        CaptureError: Neither libpcap nor tcpdump is installed.
    """
    return examine_compiled(compile_expanded(text, linktype, snap_length))


def compile_expanded(
    text: str, linktype: int = DLT_IEEE802_11_RADIO, snap_length: int = MAX_SNAP_LENGTH
) -> CompiledFilter:
    """Compile an expression, in which named filters may stand, without a look at what it does.

    Raises:
        FilterError: It does not compile, or a named filter's parameters are wrong.
        CaptureError: Neither libpcap nor tcpdump is installed.
    """
    return compile_both(expand(text), linktype, snap_length)


def examine_compiled(compiled: CompiledFilter) -> Examined:
    """Check what was compiled."""
    linktype = compiled.linktype
    checked = check(compiled)
    tried = checked.tried or _try(checked.program, linktype)
    return Examined(
        program=checked.program,
        linktype=linktype,
        expression=checked.expression,
        checked=checked,
        tried=tried,
        sight=_sight(tried, linktype),
    )


def examine_program(
    program: Program, linktype: int = DLT_IEEE802_11_RADIO, snap_length: int = MAX_SNAP_LENGTH
) -> Examined:
    """Find out what a compiled program does; it is taken as it is, but for the snap length."""
    program = with_snaplen(program, snap_length)
    tried = _try(program, linktype)
    return Examined(program=program, linktype=linktype, tried=tried, sight=_sight(tried, linktype))


def _try(program: Program, linktype: int) -> tuple[Tried, ...]:
    try:
        return tuple(try_samples([program], linktype))
    except FilterError:  # it asks the kernel for what no capture has
        return ()


def _sight(tried: tuple[Tried, ...], linktype: int) -> Sight | None:
    if not tried:
        return None
    return sight(tried, -1, radiotap=linktype == DLT_IEEE802_11_RADIO)
