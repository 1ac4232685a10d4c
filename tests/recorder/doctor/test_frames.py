"""What the doctor makes of the frames that arrive on a monitor interface."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.dot11 import fcs, radiotap
from wtrec.dot11.radiotap import Flags
from wtrec.recorder.doctor.findings import Finding
from wtrec.recorder.doctor.frames import Tally, frames, judge
from wtrec.recorder.interface import Interface, interface_facts
from wtrec.recorder.tun import MonitorTun

GOOD, BAD = "good", "bad"


def mpdus(count: int, *, every_bad: int = 0, with_fcs: bool = True) -> Iterator[tuple[bytes, str]]:
    """Frames of random bytes; every so many has a flipped bit."""
    generator = random.Random(1)
    for number in range(count):
        frame = fcs.append(generator.randbytes(100))
        bad = every_bad and number % every_bad == 0
        if bad:
            frame = fcs.flip(frame, [generator.randrange(8 * len(frame))])
        yield (frame if with_fcs else frame[: -fcs.LENGTH]), BAD if bad else GOOD


def packets(
    flags: Callable[[str], int | None],
    *,
    count: int = 100,
    every_bad: int = 0,
    with_fcs: bool = True,
) -> list[bytes]:
    """These frames behind headers whose flags follow from what the frame is; None: no flags."""
    made = []
    for frame, state in mpdus(count, every_bad=every_bad, with_fcs=with_fcs):
        value = flags(state)
        header = radiotap.build(rate=12) if value is None else radiotap.build(flags=value, rate=12)
        made.append(header + frame)
    return made


def honest(state: str) -> int:
    """Flags that say what is so, of frames with FCS."""
    return Flags.FCS | (Flags.BAD_FCS if state == BAD else 0)


def by_check(findings: Sequence[Finding]) -> dict[str, tuple[str, str]]:
    """Status and text, by check."""
    return {each.check: (each.status.value, each.text) for each in findings}


def judged(made: Sequence[bytes]) -> dict[str, tuple[str, str]]:
    """What is made of these frames."""
    tally = Tally()
    for packet in made:
        tally.add(packet)
    return by_check(judge(tally, "mon0", 5))


class TestJudge:
    """Counts and what they mean."""

    def test_a_good_driver(self) -> None:
        """FCS, bad frames, and claims that are true."""
        found = judged(packets(honest, every_bad=10))
        assert {status for status, _ in found.values()} == {"ok"}
        assert found["frames"][1] == "100 frames in 5 s"
        assert found["bad-frames"][1].startswith("bad frames arrive: 10 of 100 (10.0%), their CRC")
        assert "the CRC holds for 90 of 90 frames" in found["fcs"][1]

    def test_silence(self) -> None:
        """No frame is a warning that says what to try."""
        tally = Tally()
        (finding,) = judge(tally, "mon0", 5)
        assert (finding.status, finding.text) == ("warning", "no frame in 5 s")
        assert "iw dev mon0 set channel" in finding.fix

    def test_no_bad_frames(self) -> None:
        """No bad frame among few says nothing, among many it is a warning."""
        assert judged(packets(honest))["bad-frames"][0] == "unknown"
        tally = Tally()
        for packet in packets(honest, count=1000):
            tally.add(packet)
        finding = next(each for each in judge(tally, "mon0", 5) if each.check == "bad-frames")
        assert finding.status == "warning"
        assert "no bad frame among 1,000" in finding.text
        assert "wtrec monitor del mon0" in finding.fix

    def test_without_fcs(self) -> None:
        """A driver that says truly that it strips the FCS is a problem all the same."""
        found = judged(packets(lambda _: 0, with_fcs=False))
        assert found["fcs"][0] == "problem"
        assert "the CRC holds for 0 of 100" in found["fcs"][1]
        assert "not true" not in found["fcs"][1]
        assert "claims" not in found

    def test_without_flags(self) -> None:
        """Headers without flags claim nothing."""
        assert judged(packets(lambda _: None, with_fcs=False))["fcs"][0] == "problem"

    def test_a_claimed_fcs_that_is_not_there(self) -> None:
        """A driver that claims an FCS that it stripped lies, and is told so."""
        status, text = judged(packets(lambda _: Flags.FCS, with_fcs=False))["fcs"]
        assert status == "problem"
        assert "the driver claims it for 100 frames, which is not true" in text

    def test_bad_frames_without_fcs(self) -> None:
        """Where the FCS is not there, the claim is all there is."""
        found = judged(packets(lambda s: honest(s) & ~Flags.FCS, every_bad=5, with_fcs=False))
        assert found["fcs"][0] == "problem"
        assert found["bad-frames"] == (
            "ok",
            "bad frames arrive: 20 of 100 (20.0%), the driver's claim",
        )

    def test_an_fcs_that_is_not_claimed(self) -> None:
        """An FCS that is there without a claim is found by its CRC."""
        found = judged(packets(lambda s: honest(s) & ~Flags.FCS, every_bad=10))
        assert found["fcs"][0] == "warning"
        assert found["fcs"][1].startswith("90 frames end with their FCS, and the driver does not")
        assert found["bad-frames"][0] == "ok"

    def test_bad_frames_that_are_not_claimed(self) -> None:
        """Bad frames without a claim are found by their CRC."""
        found = judged(packets(lambda _: Flags.FCS, every_bad=4))
        assert found["bad-frames"][1].startswith("bad frames arrive: 25 of 100")
        status, text = found["claims"]
        assert status == "warning"
        assert text.startswith("of 100 frames 25 are bad without being claimed to be, 0 are")

    def test_good_frames_that_are_claimed_to_be_bad(self) -> None:
        """Claims that are false alarms are counted."""
        found = judged(
            [
                *packets(honest, count=50),
                *packets(lambda _: Flags.FCS | Flags.BAD_FCS, count=7),
            ]
        )
        assert "0 are bad without being claimed to be, 7 are claimed" in found["claims"][1]
        assert found["bad-frames"][0] == "unknown"

    def test_few(self) -> None:
        """A handful of frames that do not hold decides nothing, one that holds does."""
        assert judged(packets(lambda _: 0, count=9, with_fcs=False))["fcs"][0] == "unknown"
        assert judged(packets(honest, count=1))["fcs"][0] == "ok"

    def test_what_cannot_be_judged(self) -> None:
        """Padded frames are not judged, unreadable ones are counted."""
        padded = packets(lambda _: Flags.FCS | Flags.DATAPAD, count=5)
        found = judged([*packets(honest, every_bad=10), *padded, b"", b"\1" * 40, padded[0][:12]])
        assert found["frames"][1] == "108 frames in 5 s"
        assert found["frame-headers"][1].startswith("3 of 108 frames have no readable")
        assert "10 of 100" in found["bad-frames"][1]

    @given(st.lists(st.binary(max_size=60), max_size=10), st.booleans())
    def test_any_bytes(self, received: list[bytes], has_radiotap: bool) -> None:
        """Whatever arrives is counted, once."""
        tally = Tally()
        for packet in received:
            tally.add(packet, has_radiotap=has_radiotap)
        assert tally.frames == len(received)
        assert tally.frames == tally.unreadable + tally.padded + sum(tally.seen.values())
        assert judge(tally, "mon0", 1)


def heard(tun: MonitorTun, made: Sequence[bytes]) -> dict[str, tuple[str, str]]:
    """What is found while these frames arrive, again and again."""
    done = threading.Event()

    def send() -> None:
        while not done.is_set():
            tun.write_many(made)
            done.wait(0.002)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        return by_check(frames(interface_facts(tun.name), 0.3))
    finally:
        done.set()
        sender.join()


@pytest.mark.root
class TestListen:
    """On the air, or what the kernel takes for it."""

    def test_a_good_driver(self, mon0: MonitorTun) -> None:
        """Good and bad frames are heard and judged."""
        found = heard(mon0, packets(honest, every_bad=10))
        assert {status for status, _ in found.values()} == {"ok"}
        assert found["bad-frames"][1].startswith("bad frames arrive")

    def test_without_fcs(self, mon0: MonitorTun) -> None:
        """Frames without FCS are a problem."""
        assert heard(mon0, packets(lambda _: 0, with_fcs=False))["fcs"][0] == "problem"

    def test_lying_flags(self, mon0: MonitorTun) -> None:
        """Flags that are the wrong way round are found out."""
        found = heard(
            mon0, packets(lambda s: Flags.FCS | (0 if s == BAD else Flags.BAD_FCS), every_bad=2)
        )
        assert found["claims"][0] == "warning"
        assert found["fcs"][0] == "ok"

    def test_silence(self, mon0: MonitorTun) -> None:
        """An interface on which nothing arrives is a warning."""
        found = by_check(frames(interface_facts(mon0.name), 0.05))
        assert found == {"frames": ("warning", "no frame in 0.05 s")}

    def test_gone(self) -> None:
        """An interface that is not there cannot be listened to."""
        facts = Interface("wtrec-none", 803, up=True, driver="", hardware="")
        (finding,) = frames(facts, 0.05)
        assert finding.status == "unknown"
        assert "cannot listen to wtrec-none: No such device" in finding.text
