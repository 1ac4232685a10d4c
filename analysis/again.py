"""A saved analysis made again: how it was made, as it says itself, and what differs.

``wtrec analyze --format json`` keeps all that decides its numbers, but for the powers of
``--energy``. So the same capture, truth and results must give the same numbers, to the last bit.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..dot11.deadlines import Deadline
from ..errors import MatchError
from .dcf import Phy
from .goodput import Ack
from .throughput import Assumptions

_OF_THE_PLACE: Final = frozenset({"capture", "truth", "wtrec_version", "losses"})
"""Members that name files by where they stood, and the version: they are no numbers."""
_OF_THE_CAPTURE: Final = frozenset({"capture_sha256", "run", "warnings"})
_ADDRESSES: Final = frozenset({"addr1", "addr2", "addr3", "addr4"})
_MOST_SEED: Final = 1 << 128
_AUTO: Final = "auto"
_DESCRIBED: Final = {
    "tx log ": "tx-log",
    "intact copies of the same packets": "siblings",
    "intact copies of the same packets, likely ones too": "likely-siblings",
}
"""What truths say of themselves, and their kinds."""


@dataclass(frozen=True, slots=True)
class Made:
    """How an analysis was made.

    Attributes:
        by: Columns of the groups.
        seed: Of the resampling.
        block: Of the resampling.
        truth_kind: See :class:`wtrec.analysis.truth.Truth`.
        payload: The rule, if that was the truth; else empty.
        algorithms: Name, and parameters as JSON, of each results file.
        assumptions: Of the throughput.
        wtrec_version: Who made it.
    """

    by: tuple[str, ...]
    seed: int
    block: int
    truth_kind: str
    payload: str
    algorithms: tuple[tuple[str, str], ...]
    assumptions: Assumptions
    wtrec_version: str


def made(said: Mapping[str, Any]) -> Made:
    """How a saved analysis was made.

    Args:
        said: It, as JSON.

    Raises:
        MatchError: It was made of what it does not hold, or is damaged.
    """
    try:
        return _made(said)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        what = f"{type(error).__name__} {error}"
        raise MatchError(f"it does not say how it was made ({what[:120]})") from None


def _made(said: Mapping[str, Any]) -> Made:
    throughput = said["throughput"]
    if any("joule_per_bit" in way for group in throughput["groups"] for way in _ways(group)):
        raise MatchError("it was made with --energy, whose powers it does not hold")
    phy, msdu = throughput["phy"], throughput["msdu"]
    deadlines = tuple(
        Deadline(str(each["deadline"]), float(each["us"]))
        for service in throughput["service"][:1]
        for each in service["within"]
    )
    default = Assumptions()
    rule = str(said["truth"]).removeprefix("payload ")
    return Made(
        by=tuple(str(name) for name in said["group_by"]),
        seed=_whole(said["seed"], 0, _MOST_SEED),
        block=_whole(said["block"], 1, 1 << 62),
        truth_kind=str(said["truth_kind"]),
        payload=rule if said["truth_kind"] == "payload" else "",
        algorithms=tuple(
            (str(each["name"]), str(each["parameters"])) for each in said["algorithms"]
        ),
        assumptions=Assumptions(
            None if phy == _AUTO else Phy(phy),
            None if msdu is None else _whole(msdu, 1, 2304),
            Ack(said["model"]["ack"]),
            None,
            deadlines or default.deadlines,
        ),
        wtrec_version=str(said["wtrec_version"]),
    )


def _ways(group: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What a group's row says of each way to acknowledge, without repairs and with them."""
    yield from (group["without"] or {}).values()
    for repairs in group["algorithms"]:
        yield from (repairs["ack"] or {}).values()


def _whole(value: Any, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{value!a:.40}")
    return value


def differences(said: Mapping[str, Any], again: Mapping[str, Any]) -> tuple[int, list[str]]:
    """Compare a saved analysis with the one made again.

    Args:
        said: The saved one.
        again: The new one, as its ``to_json`` gives it.

    Returns:
        How many values were compared, and where they differ: ``by[2].ber``, say.
    """
    found: list[str] = []
    count = 0
    for where, one, other in _pairs("", _plain(said), _plain(again)):
        count += 1
        if one != other or type(one) is not type(other):
            found.append(where)
    return count, found


def nameless(analysis: Mapping[str, Any]) -> dict[str, Any]:
    """An analysis without what another key changes, when the same run is anonymised.

    Groups lose their addresses, which said in which order they stand, and stand in that of their
    numbers.
    """
    kept = {name: value for name, value in analysis.items() if name not in _OF_THE_CAPTURE}
    return dict(_without_addresses(kept))


def _without_addresses(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _without_addresses(each) for name, each in value.items() if name not in _ADDRESSES
        }
    if isinstance(value, list):
        found = [_without_addresses(each) for each in value]
        if any(isinstance(each, dict) and _ADDRESSES & each.keys() for each in value):
            found.sort(key=lambda each: json.dumps(each, sort_keys=True))
        return found
    return value


def _plain(analysis: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in analysis.items() if name not in _OF_THE_PLACE}
    return dict(json.loads(json.dumps(kept)))


def _pairs(where: str, one: Any, other: Any) -> Iterator[tuple[str, Any, Any]]:
    """Values at the same place; a place that one alone has is one pair."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in dict.fromkeys([*one, *other]):
            place = f"{where}.{name}" if where else str(name)
            yield from _pairs(place, one.get(name, _NOTHING), other.get(name, _NOTHING))
    elif isinstance(one, list) and isinstance(other, list):
        for at in range(max(len(one), len(other))):
            pair = (each[at] if at < len(each) else _NOTHING for each in (one, other))
            yield from _pairs(f"{where}[{at}]", *pair)
    elif _is_nan(one) and _is_nan(other):
        yield where, None, None
    else:
        yield where, one, other


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


class _Nothing:
    """Stands where one of two has no value."""


_NOTHING: Final = _Nothing()


def truth_of_masks(description: str) -> tuple[str, str]:
    """Where the originals of masks came from, as :attr:`.truth.Truth.description` says it.

    Returns:
        The kind of the truth, and of a payload the rule, else nothing.

    Raises:
        MatchError: It is of none of the truths that there are.
    """
    if description.startswith("payload "):
        return "payload", description.removeprefix("payload ")
    for begin, kind in _DESCRIBED.items():
        if description == begin or (kind == "tx-log" and description.startswith(begin)):
            return kind, ""
    said = f"{description[:80]!a}" if description else "nothing"
    raise MatchError(f"they do not say how the originals were found, but {said}")


def results_for(made_of: Made, there: Sequence[tuple[str, str]]) -> list[int]:
    """Which results an analysis was made of.

    Args:
        made_of: How it was made.
        there: Name and parameters of the results that there are.

    Returns:
        Their places, in the order of the analysis.

    Raises:
        MatchError: Some are not there.
    """
    places = []
    left = dict(enumerate(there))
    for wanted in made_of.algorithms:
        at = next((at for at, each in left.items() if _same(each, wanted)), None)
        if at is None:
            raise MatchError(f"the results of {wanted[0]} that it judges are not in the dataset")
        del left[at]
        places.append(at)
    return places


def _same(one: tuple[str, str], other: tuple[str, str]) -> bool:
    if one[0] != other[0]:
        return False
    try:
        return bool(json.loads(one[1]) == json.loads(other[1]))
    except (ValueError, RecursionError):
        return one[1] == other[1]
