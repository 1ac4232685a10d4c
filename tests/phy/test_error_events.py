"""Error events of the code against its published spectra and against coding every pattern."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from wtrec.phy import error_events
from wtrec.phy.convolutional import PUNCTURING, TAIL, encode, sent
from wtrec.phy.error_events import CodeRate, Events

CODE_RATES = list(PUNCTURING)


def data_bits(events: Events, i: int) -> NDArray[np.uint8]:
    """The wrong bits of an event, the first one first."""
    number = sum(int(word) << 64 * at for at, word in enumerate(events.masks[i]))
    return np.array([int(bit) for bit in f"{number:b}"], np.uint8)


def weight(bits: NDArray[np.uint8], phase: int, code_rate: CodeRate) -> int:
    """Coded bits that change when these data bits do, from a bit of this phase on."""
    data = np.concatenate([np.zeros(phase, np.uint8), bits, np.zeros(TAIL, np.uint8)])
    coded = encode(data)
    return int(coded[sent(code_rate, len(coded))].sum())


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
    spectrum = error_events.spectrum(code_rate, heaviest)
    assert spectrum.shape == (error_events.period(code_rate), heaviest + 1)
    assert spectrum.sum(axis=0).tolist() == [0] * lightest + published


@pytest.mark.parametrize("code_rate", CODE_RATES)
def test_census(code_rate: CodeRate) -> None:
    """Counted by weight and span, over phases of the first bit, are just the events listed."""
    heaviest = error_events.MAX_WEIGHT[code_rate] - 3
    census = error_events.census(code_rate, heaviest)
    period = error_events.period(code_rate)
    assert census.shape == (period, heaviest + 1, 129)
    np.testing.assert_array_equal(census.sum(axis=2), error_events.spectrum(code_rate, heaviest))
    events = error_events.events(code_rate, heaviest)
    spans = np.array([len(data_bits(events, i)) for i in range(len(events.weights))])
    first = (events.phases.astype(np.int64) - spans + 1) % period
    listed = np.zeros_like(census)
    np.add.at(listed, (first, events.weights, spans), 1)
    np.testing.assert_array_equal(listed, census)
    assert spans.min() >= 1
    # Lighter events are those of a smaller census.
    np.testing.assert_array_equal(
        error_events.census(code_rate, heaviest - 2), census[:, : heaviest - 1]
    )


@pytest.mark.parametrize("code_rate", CODE_RATES)
def test_events_are_paths_of_their_weight(code_rate: CodeRate) -> None:
    """Coding an event's data bits at its phase gives its weight, and one path."""
    heaviest = error_events.MAX_WEIGHT[code_rate] - 3
    events = error_events.events(code_rate, heaviest)
    assert np.bincount(events.weights).tolist() == (
        error_events.spectrum(code_rate, heaviest).sum(axis=0)[: events.weights.max() + 1].tolist()
    )
    for i in np.random.default_rng(1).choice(len(events.weights), 200, replace=False):
        bits = data_bits(events, i)
        first = (int(events.phases[i]) - len(bits) + 1) % error_events.period(code_rate)
        assert is_one_event(bits)
        assert weight(bits, first, code_rate) == events.weights[i]


@pytest.mark.parametrize("code_rate", CODE_RATES)
def test_no_event_is_missing(code_rate: CodeRate) -> None:
    """Of all patterns of up to nine bits exactly those are listed that are light enough, once."""
    heaviest = error_events.MAX_WEIGHT[code_rate] - 4
    period = error_events.period(code_rate)
    expected = []
    for number in range(1, 1 << 9, 2):
        bits = np.array([int(bit) for bit in f"{number:b}"], np.uint8)
        if is_one_event(bits):
            for first in range(period):
                w = weight(bits, first, code_rate)
                if w <= heaviest:
                    expected.append((number, w, (first + len(bits) - 1) % period))
    events = error_events.events(code_rate, heaviest)
    short = (events.masks[:, 0] < 1 << 9) & (events.masks[:, 1] == 0)
    listed = zip(
        events.masks[short, 0].tolist(),
        events.weights[short].tolist(),
        events.phases[short].tolist(),
        strict=True,
    )
    assert sorted(listed) == sorted(expected)
    assert len(expected) > 20
