"""Error events of the code against its published spectra and against coding every pattern."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from wtrec.phy import error_events, interleaver
from wtrec.phy.convolutional import TAIL, encode, sent
from wtrec.phy.error_events import COSTS, HEAVIEST, Code, CodeRate, Events
from wtrec.phy.ofdm import MODES

CODES = list(HEAVIEST)


def data_bits(events: Events, i: int) -> NDArray[np.uint8]:
    """The wrong bits of an event, the first one first."""
    number = sum(int(word) << 64 * at for at, word in enumerate(events.masks[i]))
    return np.array([int(bit) for bit in f"{number:b}"], np.uint8)


def weight(bits: NDArray[np.uint8], phase: int, code: Code) -> int:
    """What the coded bits cost that change when these data bits do, from a bit of this phase on."""
    data = np.concatenate([np.zeros(phase, np.uint8), bits, np.zeros(TAIL, np.uint8)])
    coded = encode(data)
    on_air = coded[sent(code.code_rate, len(coded))]
    return int(on_air @ np.resize(np.array(code.costs), len(on_air)))


def is_one_event(bits: NDArray[np.uint8]) -> bool:
    """Whether the path is back in state zero at its end only: no six zeros within."""
    return "0" * TAIL not in "".join(map(str, bits))


@pytest.mark.parametrize(
    ("code_rate", "lightest", "published"),
    [
        ((1, 2), 10, [11, 0, 38, 0, 193, 0, 1331, 0, 7275]),
        ((2, 3), 6, [1, 16, 48, 158, 642, 2435]),
        ((3, 4), 5, [8, 31, 160, 892, 4512]),
        ((5, 6), 4, [14, 69, 654, 4996]),
    ],
)
def test_spectra(code_rate: CodeRate, lightest: int, published: list[int]) -> None:
    """As many events of each weight as the literature says, over all phases.

    Below twice the lightest: what is published counts two events in a row as one if the path is
    back in state zero only within a period of the puncturing.
    """
    heaviest = lightest + len(published) - 1
    code = Code(code_rate)
    spectrum = error_events.spectrum(code, heaviest)
    assert spectrum.shape == (code.period, heaviest + 1)
    assert spectrum.sum(axis=0).tolist() == [0] * lightest + published


@pytest.mark.parametrize("code", CODES)
def test_census(code: Code) -> None:
    """Counted by weight and span, over phases of the first bit, are just the events listed."""
    heaviest = HEAVIEST[code] - 3 * min(code.costs)
    census = error_events.census(code, heaviest)
    period = code.period
    assert census.shape == (period, heaviest + 1, 129)
    np.testing.assert_array_equal(census.sum(axis=2), error_events.spectrum(code, heaviest))
    events = error_events.events(code, heaviest)
    spans = np.array([len(data_bits(events, i)) for i in range(len(events.weights))])
    first = (events.phases.astype(np.int64) - spans + 1) % period
    listed = np.zeros_like(census)
    np.add.at(listed, (first, events.weights, spans), 1)
    np.testing.assert_array_equal(listed, census)
    assert spans.min() >= 1
    # Lighter events are those of a smaller census.
    np.testing.assert_array_equal(
        error_events.census(code, heaviest - 2), census[:, : heaviest - 1]
    )


@pytest.mark.parametrize("code", CODES)
def test_events_are_paths_of_their_weight(code: Code) -> None:
    """Coding an event's data bits at its phase gives its weight, and one path."""
    heaviest = HEAVIEST[code] - 3 * min(code.costs)
    events = error_events.events(code, heaviest)
    assert np.bincount(events.weights).tolist() == (
        error_events.spectrum(code, heaviest).sum(axis=0)[: events.weights.max() + 1].tolist()
    )
    for i in np.random.default_rng(1).choice(len(events.weights), 60, replace=False):
        bits = data_bits(events, i)
        first = (int(events.phases[i]) - len(bits) + 1) % code.period
        assert is_one_event(bits)
        assert weight(bits, first, code) == events.weights[i]


@pytest.mark.parametrize("code", CODES)
def test_no_event_is_missing(code: Code) -> None:
    """Of all patterns of up to nine bits exactly those are listed that are light enough, once."""
    heaviest = HEAVIEST[code] - 4 * min(code.costs)
    period = code.period
    expected = []
    for number in range(1, 1 << 9, 2):
        bits = np.array([int(bit) for bit in f"{number:b}"], np.uint8)
        if is_one_event(bits):
            for first in range(period):
                w = weight(bits, first, code)
                if w <= heaviest:
                    expected.append((number, w, (first + len(bits) - 1) % period))
    events = error_events.events(code, heaviest)
    short = (events.masks[:, 0] < 1 << 9) & (events.masks[:, 1] == 0)
    listed = zip(
        events.masks[short, 0].tolist(),
        events.weights[short].tolist(),
        events.phases[short].tolist(),
        strict=True,
    )
    assert sorted(listed) == sorted(expected)
    assert len(expected) > 20


@pytest.mark.parametrize("rate", [24, 36, 48, 54])
def test_costs(rate: int) -> None:
    """A coded bit of QAM costs by its place on the axis, as the interleaver deals them out."""
    mode = MODES[rate]
    bits_per_axis = mode.bits_per_subcarrier // 2
    code = Code.of(mode.code_rate, bits_per_axis)
    places = interleaver.permutation(mode.coded_bits, mode.bits_per_subcarrier)
    dealt = np.resize(np.array(code.costs), mode.coded_bits)
    wrong, seldom = COSTS[mode.code_rate, bits_per_axis]
    rarer = bits_per_axis - 1 - places % bits_per_axis
    np.testing.assert_array_equal(dealt, wrong + seldom * rarer)
    assert len(set(dealt.tolist())) == bits_per_axis
    assert mode.data_bits % code.period == 0


def test_plain_costs() -> None:
    """All coded bits of BPSK and QPSK cost the same."""
    assert Code.of((3, 4), 1).costs == (1,)
