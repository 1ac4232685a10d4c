from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wtrec.datasets.anonymize.frames import Frames
from wtrec.datasets.anonymize.key import Key
from wtrec.datasets.anonymize.lay import laid
from wtrec.dot11 import fcs

_FRAMES = Frames(Key(bytes(32)), [])
_BODY = st.binary(min_size=1, max_size=200)


@given(_BODY, st.data())
def test_errors_and_syndrome_stay_over_the_new_original(body: bytes, data: st.DataObject) -> None:
    """The mask that is laid over the new original is the recorded one, the FCS's bits included."""
    original = fcs.append(body)
    flips = data.draw(st.sets(st.integers(0, 8 * len(original) - 1)))
    received = fcs.flip(original, flips)
    replaced = _FRAMES.replace(body)
    new = laid(received, body, replaced)
    assert new == fcs.flip(fcs.append(replaced), flips)
    assert fcs.syndrome(new) == fcs.syndrome(received)


@given(_BODY, _BODY, st.binary(min_size=4, max_size=4))
def test_any_original_will_do_for_the_syndrome(one: bytes, other: bytes, behind: bytes) -> None:
    """Also one that the frame never was."""
    size = min(len(one), len(other))
    received = one[:size] + behind
    new = laid(received, other[:size], _FRAMES.replace(other[:size]))
    assert fcs.syndrome(new) == fcs.syndrome(received)


@given(_BODY)
def test_a_frame_without_fcs_gets_none(body: bytes) -> None:
    """Its length stays."""
    assert laid(body, body, _FRAMES.replace(body)) == _FRAMES.replace(body)
