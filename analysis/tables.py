"""An analysis as flat tables: rows of numbers, made from its JSON (keys: docs/analyze.md).

Each number of the JSON stands in one of the tables; ``table_columns`` says what they are.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..datasets.rows import as_arrow
from .patterns_kernel import EXACT
from .table_columns import TABLES, key_names

Json = Mapping[str, Any]
Rows = Iterator[dict[str, Any]]

_LISTS = {
    "event_lengths": ("events", "lengths"),
    "event_flips": ("events", "flips"),
    "runs": ("runs",),
    "gaps": ("gaps",),
}
_PARTS = ("phy", "msdu", "retry_limit")


def tables(analysis: Json) -> dict[str, Any]:
    """All tables by name, as Arrow has them: each is there, if without rows.

    Args:
        analysis: As ``Analysis.to_json`` gives it.

    Raises:
        MatchError: It is grouped by a column that does not exist.
        FormatError: A value is missing, or of another type than its column.
        LookupError, TypeError, ValueError, AttributeError: It has another shape.
    """
    by = list(analysis["group_by"])
    return {
        each.name: as_arrow(each.table(by), _MAKERS[each.name](analysis, key_names(by, each.by)))
        for each in TABLES
    }


def _run(analysis: Json, _key: Sequence[str]) -> Rows:
    throughput, run = analysis["throughput"], analysis["run"] or {}
    yield {
        **{
            name: analysis[name]
            for name in ("capture", "capture_sha256", "truth", "truth_kind", "wtrec_version")
        },
        **{name: run.get(name) for name in ("run_id", "start", "end", "simulation_seed")},
        "group_by": ",".join(analysis["group_by"]),
        "seed": analysis["seed"],
        "block": analysis["block"],
        **{name: throughput[name] for name in _PARTS},
        "ack": analysis["model"]["ack"],
        **analysis["frames"],
        **analysis["matching"],
        "left_out": throughput["left_out"],
        "rewritten_left_out": throughput["rewritten"],
    }


def _notes(analysis: Json, _key: Sequence[str]) -> Rows:
    for kind, name in (("warning", "warnings"), ("loss", "losses")):
        for text in analysis[name]:
            yield {"kind": kind, "text": text}


def _groups(analysis: Json, _key: Sequence[str]) -> Rows:
    for group in analysis["by"]:
        yield {name: value for name, value in group.items() if name != "patterns"}


def _signal(analysis: Json, _key: Sequence[str]) -> Rows:
    yield from analysis["signal"]


def _with_patterns(analysis: Json, key: Sequence[str]) -> Iterator[tuple[dict[str, Any], Any]]:
    for group in analysis["by"]:
        if group["patterns"] is not None:
            yield _of(group, key), group["patterns"]


def _flips(analysis: Json, key: Sequence[str]) -> Rows:
    for head, patterns in _with_patterns(analysis, key):
        for name, frames in patterns["flips"].items():
            if name != "quantiles":
                yield {**head, "flips": name, "frames": frames}


def _flip_quantiles(analysis: Json, key: Sequence[str]) -> Rows:
    for head, patterns in _with_patterns(analysis, key):
        for quantile, flips in (patterns["flips"]["quantiles"] or {}).items():
            yield {**head, "quantile": float(quantile), "flips": flips}


def _events(analysis: Json, key: Sequence[str]) -> Rows:
    for head, patterns in _with_patterns(analysis, key):
        events = patterns["events"]
        yield head | {
            name: value for name, value in events.items() if name not in {"lengths", "flips"}
        }


def _lengths(analysis: Json, key: Sequence[str]) -> Rows:
    for head, patterns in _with_patterns(analysis, key):
        for name, path in _LISTS.items():
            found = patterns
            for part in path:
                found = found[part]
            for longest, count in found:
                yield {
                    **head,
                    "distribution": name,
                    "shortest": longest if longest <= EXACT else longest // 2 + 1,
                    "longest": longest,
                    "count": count,
                }


def _lags(analysis: Json, key: Sequence[str]) -> Rows:
    for head, patterns in _with_patterns(analysis, key):
        for lag, rate in enumerate(patterns["lags"], 1):
            yield {**head, "lag": lag, "error_rate": rate}


def _positions(analysis: Json, key: Sequence[str]) -> Rows:
    for head, patterns in _with_patterns(analysis, key):
        place = patterns["position"]
        width = place["bytes"]
        for index, (errors, bits) in enumerate(
            zip(place["bit_errors"], place["bits"], strict=True)
        ):
            counts = {"bit_errors": errors, "bits": bits}
            yield {**head, "first_byte": index * width, "bytes": width, **counts}


def _octets(analysis: Json, key: Sequence[str]) -> Rows:
    for head, patterns in _with_patterns(analysis, key):
        for bit, errors in enumerate(patterns["octet"]):
            yield {**head, "bit": bit, "bit_errors": errors}


def _symbols(analysis: Json, key: Sequence[str]) -> Rows:
    for head, patterns in _with_patterns(analysis, key):
        symbol = patterns["symbol"] or {"data_bits": 0, "bit_errors": [], "bits": []}
        for bit, (errors, bits) in enumerate(
            zip(symbol["bit_errors"], symbol["bits"], strict=True)
        ):
            counts = {"bit_errors": errors, "bits": bits}
            yield {**head, "data_bits": symbol["data_bits"], "bit": bit, **counts}


def _blocks(analysis: Json, key: Sequence[str]) -> Rows:
    for head, patterns in _with_patterns(analysis, key):
        for block in patterns["blocks"]:
            yield {**head, **block}


def _gilbert(analysis: Json, key: Sequence[str]) -> Rows:
    for head, patterns in _with_patterns(analysis, key):
        if patterns["gilbert"]:
            yield {**head, **patterns["gilbert"]}


def _equal_bits(analysis: Json, key: Sequence[str]) -> Rows:
    for head, patterns in _with_patterns(analysis, key):
        for name, test in patterns["equal_bits"].items():
            if test:
                yield {**head, "test": name, "period": None, **test}


def _copies(analysis: Json, key: Sequence[str]) -> Rows:
    for head, patterns in _with_patterns(analysis, key):
        if patterns["copies"]:
            yield {**head, **patterns["copies"]}


_NOTHING_DROPPED = {"dropped": 0}  # of analyses that were saved before replays could drop


def _algorithms(analysis: Json, _key: Sequence[str]) -> Rows:
    found = analysis["algorithms"]
    missed = analysis["throughput"]["unattributed"]
    for (number, each), unattributed in zip(enumerate(found, 1), missed, strict=True):
        row = {name: value for name, value in each.items() if name != "by"}
        yield {
            "algorithm": number,
            **_NOTHING_DROPPED,
            **_ends(row),
            "unattributed": unattributed["frames"],
        }


def _algorithm_groups(analysis: Json, _key: Sequence[str]) -> Rows:
    for number, each in enumerate(analysis["algorithms"], 1):
        for row in each["by"]:
            yield {**_named(number, each), **_NOTHING_DROPPED, **_ends(row)}


def _pairs(analysis: Json) -> Iterator[tuple[dict[str, Any], Any]]:
    """Each two algorithms, in the order of the algorithms, and their comparison."""
    algorithms = enumerate(analysis["algorithms"], 1)
    pairs = itertools.combinations(algorithms, 2)
    for ((first, one), (second, other)), pair in zip(pairs, analysis["comparisons"], strict=True):
        names = {"first": first, "first_name": one["name"], "first_parameters": one["parameters"]}
        names |= {"second": second, "second_name": other["name"]}
        yield {**names, "second_parameters": other["parameters"]}, pair


def _comparisons(analysis: Json, _key: Sequence[str]) -> Rows:
    for head, pair in _pairs(analysis):
        yield head | {name: pair[name] for name in ("frames", "b", "c", "p")}


def _comparison_groups(analysis: Json, _key: Sequence[str]) -> Rows:
    for head, pair in _pairs(analysis):
        for row in pair["by"]:
            yield {**head, **row}


def _throughput(analysis: Json, _key: Sequence[str]) -> Rows:
    for group in analysis["throughput"]["groups"]:
        row = {k: v for k, v in group.items() if k not in {"without", "algorithms"}}
        low, high = row.pop("per_interval")
        yield {**row, "per_low": low, "per_high": high}


def _goodput(analysis: Json, key: Sequence[str]) -> Rows:
    none = {"algorithm": None, "name": None, "parameters": None, "gain": None}
    none |= {"undetected_errors": None, "saved_us": None, "saved_share": None}
    for group in analysis["throughput"]["groups"]:
        for ack, found in (group["without"] or {}).items():
            yield {**_of(group, key), **none, "ack": ack, **_delivery(found)}
        for number, each in enumerate(group["algorithms"], 1):
            for ack, found in (each["ack"] or {}).items():
                yield {
                    **_of(group, key),
                    **_named(number, each),
                    "ack": ack,
                    **_delivery(found),
                }


def _delivery(found: Json) -> dict[str, Any]:
    row = dict(found)
    low, high = row.pop("interval")
    energy = row.pop("joule_per_bit", None) or {}
    row |= {"goodput_mbps_low": low, "goodput_mbps_high": high}
    return row | {f"{end}_joule_per_bit": energy.get(end) for end in ("sender", "receiver")}


def _repairs(analysis: Json, key: Sequence[str]) -> Rows:
    for group in analysis["throughput"]["groups"]:
        for number, each in enumerate(group["algorithms"], 1):
            row = {k: v for k, v in each.items() if k not in {"ack", "measured"}}
            measured = dict(each["measured"])
            share = measured.pop("share")
            yield {
                **_of(group, key),
                "algorithm": number,
                **_ends(row),
                **measured,
                "airtime_share": share,
            }


def _service(analysis: Json, _key: Sequence[str]) -> Rows:
    for number, each in enumerate(analysis["throughput"]["service"], 1):
        yield {"algorithm": number, **{k: v for k, v in each.items() if k != "within"}}


def _deadlines(analysis: Json, _key: Sequence[str]) -> Rows:
    for number, each in enumerate(analysis["throughput"]["service"], 1):
        for deadline in each["within"]:
            yield {
                **_named(number, each),
                "deadline": deadline["deadline"],
                "deadline_us": deadline["us"],
                "share": deadline["share"],
            }


def _model_curves(analysis: Json, _key: Sequence[str]) -> Rows:
    for curve in analysis["model"]["curves"]:
        head = {name: curve[name] for name in ("rate_mbps", "phy", "msdu")}
        for point in curve["points"]:
            yield {**head, **_point(point)}


def _point(point: Json) -> dict[str, Any]:
    return {
        "ber": point["ber"],
        "per": point["per"],
        **{f"at_most_{flips}": share for flips, share in point["at_most"].items()},
        **{f"goodput_{name}_mbps": value for name, value in point["goodput_mbps"].items()},
    }


_NO_POINT = _point(
    {
        "ber": None,
        "per": None,
        "at_most": dict.fromkeys("123"),
        "goodput_mbps": dict.fromkeys(("none", "flip1", "flip2", "flip3")),
    }
)


def _model_groups(analysis: Json, key: Sequence[str]) -> Rows:
    for group in analysis["model"]["groups"]:
        recorded = group["recorded"]
        uniform = _point(group["uniform"]) if group["uniform"] else _NO_POINT
        shares: dict[str, Any] = {}
        for flips, found in recorded["at_most"].items():
            low, high = found["interval"] or (None, None)
            name = f"at_most_{flips}"
            shares |= {name: found["share"], f"{name}_low": low, f"{name}_high": high}
        yield {
            **_of(group, key),
            **{name: group[name] for name in ("phy", "msdu", "per")},
            **{f"uniform_{name}": value for name, value in uniform.items()},
            **{name: recorded[name] for name in ("judged", "ber", "goodput_mbps")},
            **shares,
        }


def _model_algorithms(analysis: Json, key: Sequence[str]) -> Rows:
    modelled = [group for group in analysis["throughput"]["groups"] if group["without"]]
    for group, whole in zip(analysis["model"]["groups"], modelled, strict=True):
        judged = [number for number, each in enumerate(whole["algorithms"], 1) if each["ack"]]
        for number, each in zip(judged, group["recorded"]["algorithms"], strict=True):
            yield {**_of(group, key), "algorithm": number, **_ends(each)}


def _of(group: Json, names: Sequence[str]) -> dict[str, Any]:
    return {name: group[name] for name in names}


def _named(number: int, algorithm: Json) -> dict[str, Any]:
    return {"algorithm": number, **_of(algorithm, ("name", "parameters"))}


def _ends(row: Json) -> dict[str, Any]:
    """A row with ends of intervals instead of pairs."""
    found = dict(row)
    for name in ("right", "wrong"):
        low, high = found.pop(f"{name}_interval") or (None, None)
        found |= {f"{name}_share_low": low, f"{name}_share_high": high}
    return found


_MAKERS = {
    "run": _run,
    "notes": _notes,
    "groups": _groups,
    "signal": _signal,
    "flips": _flips,
    "flip_quantiles": _flip_quantiles,
    "events": _events,
    "lengths": _lengths,
    "lags": _lags,
    "positions": _positions,
    "octets": _octets,
    "symbols": _symbols,
    "blocks": _blocks,
    "gilbert": _gilbert,
    "equal_bits": _equal_bits,
    "copies": _copies,
    "algorithms": _algorithms,
    "algorithm_groups": _algorithm_groups,
    "comparisons": _comparisons,
    "comparison_groups": _comparison_groups,
    "throughput": _throughput,
    "goodput": _goodput,
    "repairs": _repairs,
    "service": _service,
    "deadlines": _deadlines,
    "model_curves": _model_curves,
    "model_groups": _model_groups,
    "model_algorithms": _model_algorithms,
}
