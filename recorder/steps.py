"""The steps of an experiment: at each, one data rate and power, and a command that sets them.

A step is a set of values. ``rate_mbps`` and ``tx_power_dbm`` are numbers, and stand in the tx
log with each packet; others are the user's own text, for the command. The command, a *hook*,
is a template such as ``ssh ap wl rate {rate_mbps}``. It is split into words first and filled
in then, so a value is never more than part of a word; no shell is involved unless asked for,
and then each value is quoted.
"""

from __future__ import annotations

import itertools
import math
import os
import re
import select
import shlex
import string
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

from ..errors import WtrecError
from .stop import Stop

RATE, POWER = "rate_mbps", "tx_power_dbm"
_SHORT = {"rate": RATE, "power": POWER}
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_GRACE_SECONDS = 2.0  # between asking a command to end and making it


class HookError(WtrecError):
    """The command of a step failed: what follows would have a false rate."""


@dataclass(frozen=True, slots=True)
class Step:
    """The values of one step.

    Attributes:
        values: By name, as text; ``rate_mbps`` and ``tx_power_dbm`` are finite numbers.
    """

    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def rate_mbps(self) -> float | None:
        """Data rate in Mbit/s, None where nobody says."""
        return float(self.values[RATE]) if RATE in self.values else None

    @property
    def tx_power_dbm(self) -> float | None:
        """Transmit power, None where nobody says."""
        return float(self.values[POWER]) if POWER in self.values else None

    def __str__(self) -> str:
        return ",".join(f"{name}={value}" for name, value in self.values.items())


def parse_step(text: str) -> Step:
    """``rate=54,power=15,antenna=1``; ``rate`` and ``power`` are short for the log's names.

    Raises:
        ValueError: It is none.
    """
    values: dict[str, str] = {}
    for part in text.split(","):
        short, equals, value = part.partition("=")
        name = _SHORT.get(short.strip(), short.strip())
        if not equals or not _NAME.fullmatch(name):
            raise ValueError(f"wanted KEY=VALUE,... such as rate=54,power=15, found {text!r}")
        if name in values:
            raise ValueError(f"{name} is there twice in {text!r}")
        values[name] = value.strip()
    for name in (RATE, POWER):
        if name in values:
            values[name] = _number(name, values[name])
    return Step(values)


def grid(rates: Sequence[str], powers: Sequence[str]) -> list[Step]:
    """Every rate at every power, all rates at the first power first.

    Raises:
        ValueError: One is no number.
    """
    no_value: Sequence[str | None] = [None]
    return [
        Step(
            ({} if rate is None else {RATE: _number(RATE, rate)})
            | ({} if power is None else {POWER: _number(POWER, power)})
        )
        for power, rate in itertools.product(powers or no_value, rates or no_value)
    ]


def _number(name: str, text: str) -> str:
    """The number as it is written, once it is known to be one."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or (name == RATE and value <= 0):
        raise ValueError(f"{name}: wanted a number, found {text!r}")
    return text.strip()


@dataclass(frozen=True, slots=True)
class Hook:
    """The command that is run at the start of each step.

    Attributes:
        template: With ``{rate_mbps}`` and so on.
        shell: Let ``/bin/sh`` run it, values quoted.
        timeout: Seconds that it may take.
    """

    template: str
    shell: bool = False
    timeout: float = 60.0

    def command(self, step: Step) -> list[str]:
        """The words to run for a step.

        Raises:
            ValueError: The template asks for what the step does not have, or is none.
        """
        if self.shell:
            quoted = {name: shlex.quote(value) for name, value in step.values.items()}
            return ["/bin/sh", "-c", _filled(self.template, quoted)]
        words = [_filled(word, step.values) for word in shlex.split(self.template)]
        if not words:
            raise ValueError("the hook is empty")
        return words

    def run(self, step: Step, stop: Stop) -> None:
        """Run it, and wait until it has ended; it is ended if ``stop`` is asked meanwhile.

        Raises:
            HookError: It cannot be started, takes too long, or its exit code is not 0.
        """
        words = self.command(step)
        name = shlex.join(words)
        with tempfile.TemporaryFile() as said:
            try:
                process = subprocess.Popen(
                    words, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
                )
            except OSError as error:
                raise HookError(f"hook {name}: {error.strerror}") from error
            in_time = _wait(process, stop, self.timeout)
            if stop.reason is not None and (not in_time or process.returncode):
                return
            if not in_time:
                raise HookError(f"hook {name}: not done after {self.timeout:g} s, ended it")
            if process.returncode:
                raise HookError(
                    f"hook {name}: exit code {process.returncode}, wanted 0{_last_line(said)}"
                )


def _filled(text: str, values: Mapping[str, str]) -> str:
    """Put values in; names alone are understood, not what else ``str.format`` would evaluate."""
    parts = []
    for literal, name, spec, conversion in string.Formatter().parse(text):
        parts.append(literal)
        if name is None:
            continue
        if spec or conversion or name not in values:
            there = ", ".join(f"{{{name}}}" for name in values) or "no values"
            raise ValueError(f"the hook asks for {{{name}}}, the step has {there}")
        parts.append(values[name])
    return "".join(parts)


def _wait(process: subprocess.Popen[bytes], stop: Stop, seconds: float) -> bool:
    """Whether a process ended by itself in time; it has ended in any case."""
    handle = os.pidfd_open(process.pid)
    try:
        ended, _, _ = select.select([handle, stop.fileno()], [], [], seconds)
    finally:
        os.close(handle)
    if handle in ended:
        process.wait()
        return True
    process.terminate()
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return False


def _last_line(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read().decode(errors="replace").strip().splitlines()
    return f"; it said: {lines[-1].strip()[:200]}" if lines else ""
