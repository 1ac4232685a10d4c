"""What the tables of an analysis are: every column with its type, unit and meaning.

Tables that are by group begin with the grouping columns (``--by``), those that are by group and
data rate have ``rate_mbps`` among these. An algorithm has its place in the table ``algorithms``
beside its name, since one name may stand there twice with other parameters. docs/tables.md is
checked against this module.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from ..datasets.frames import FRAMES
from ..datasets.schema import Column, Table
from ..datasets.txlog import TX
from ..errors import MatchError

_INT, _REAL, _TEXT, _BOOL = pa.int64(), pa.float64(), pa.string(), pa.bool_()
RATE: Final = "rate_mbps"
_OF_FRAMES: Final = {column.name: column for column in (*TX.columns, *FRAMES.columns)}


@dataclass(frozen=True, slots=True)
class TableColumns:
    """A table but for its grouping columns.

    Attributes:
        name: Of the table, and of its files.
        doc: What a row is.
        columns: Behind the key.
        by: ``""``: not by group; ``group``; ``rate``: by group and data rate.
        before: In front of the key.
    """

    name: str
    doc: str
    columns: tuple[Column, ...]
    by: str = ""
    before: tuple[Column, ...] = ()

    def table(self, group_by: Sequence[str]) -> Table:
        """The table of an analysis with these grouping columns.

        Raises:
            MatchError: Frames and tx logs have no such column.
        """
        keys = key_names(group_by, self.by) if self.by else []
        return Table(self.name, 1, (*self.before, *map(key_column, keys), *self.columns))


def key_names(group_by: Sequence[str], by: str = "group") -> list[str]:
    """The columns of a key."""
    return list(dict.fromkeys([*group_by, *([RATE] if by == "rate" else [])]))


@functools.cache
def key_column(name: str) -> Column:
    """A grouping column: that of frames or of a tx log, in a type that JSON has.

    Raises:
        MatchError: There is none.
    """
    column = _OF_FRAMES.get(name)
    if column is None:
        raise MatchError(f"no column {name!r} to group by")
    return Column(name, _json_type(column.type), column.doc, nullable=True, unit=column.unit)


def _json_type(of: Any) -> Any:
    if pa.types.is_boolean(of) or pa.types.is_uint64(of):
        return of
    if pa.types.is_integer(of):
        return _INT
    return _REAL if pa.types.is_floating(of) else _TEXT


def _count(name: str, doc: str, unit: str = "frames") -> Column:
    return Column(name, _INT, doc, unit=unit)


def _share(name: str, doc: str, interval: str = "") -> tuple[Column, ...]:
    """A share that is null without frames; with both ends of its 95 % interval."""
    columns = [Column(name, _REAL, doc, nullable=True, unit="share")]
    if interval:
        for end, what in (("low", "Lower"), ("high", "Upper")):
            told = f"{what} end of its 95 % interval ({interval})."
            columns.append(Column(f"{name}_{end}", _REAL, told, nullable=True, unit="share"))
    return tuple(columns)


def _maybe(name: str, kind: Any, doc: str, unit: str = "") -> Column:
    return Column(name, kind, doc, nullable=True, unit=unit)


_ALGORITHM = (
    Column("algorithm", _INT, "Its place in `algorithms`, from 1."),
    Column("name", _TEXT, "The algorithm's name."),
    Column("parameters", _TEXT, "Its parameters, as a JSON object."),
)
_VERDICTS = (
    _count("attempted", "Bad frames that were replayed into the algorithm."),
    _count("repaired", "Those that it claims to have repaired."),
    _count("abstained", "Those that it left as they were."),
    _count("dropped", "Those that the replay dropped: too late when their turn came."),
    _count("correct", "Repairs that are right."),
    _count("wrong", "Repairs that are wrong."),
    _count("unjudged", "Repairs that nothing is known of."),
)
_RIGHT = _share("right_share", "correct / attempted.", "Wilson")
_WRONG = _share("wrong_share", "wrong / attempted.", "Wilson")
_PAIR = (
    Column("first", _INT, "The first algorithm's place in `algorithms`."),
    Column("first_name", _TEXT, "Its name."),
    Column("first_parameters", _TEXT, "Its parameters, as a JSON object."),
    Column("second", _INT, "The second algorithm's place."),
    Column("second_name", _TEXT, "Its name."),
    Column("second_parameters", _TEXT, "Its parameters."),
)
_TEST = (
    _count("frames", "Frames that both were given and whose verdicts are known."),
    _count("b", "Those of them that the first alone repaired rightly."),
    _count("c", "Those that the second alone repaired rightly."),
    _maybe("p", _REAL, "McNemar's exact two-sided p-value. Null without frames.", "probability"),
)
_MODEL = (
    Column("phy", _TEXT, "The PHY of the cycle."),
    _count("msdu", "The MSDU.", "bytes"),
)
_FLIP_SHARES = ("at_most_1", "at_most_2", "at_most_3")
_GOODPUTS = ("none", "flip1", "flip2", "flip3")

RUN = TableColumns(
    "run",
    "The run and how it was analyzed; one row.",
    (
        Column("capture", _TEXT, "The capture."),
        Column("capture_sha256", _TEXT, "SHA-256 of the capture, hexadecimal."),
        _maybe("run_id", _TEXT, "Of run.json beside the capture. Null without one."),
        _maybe("start", _TEXT, "First moment of the run, UTC. Null without run.json."),
        _maybe("end", _TEXT, "Its last moment. Null without run.json, or if it was killed."),
        _maybe("simulation_seed", _TEXT, "Seed of a simulated run. Null for others."),
        Column("truth", _TEXT, "What the frames were compared with."),
        Column(
            "truth_kind", _TEXT, "`tx-log`, `payload`, `siblings`, `likely-siblings` or `none`."
        ),
        Column("group_by", _TEXT, "The grouping columns, with commas between."),
        Column("wtrec_version", _TEXT, "The wtrec that analyzed."),
        Column("seed", _INT, "Of the resampling behind intervals."),
        _count("block", "Consecutive frames that are resampled together."),
        Column("phy", _TEXT, "PHY that was asked for, or `auto`."),
        _maybe("msdu", _INT, "MSDU that was asked for. Null: that of the frames.", "bytes"),
        Column("ack", _TEXT, "Assumption about the ACK in the model: `ideal`, `arq` or `none`."),
        _count("retry_limit", "Attempts that a packet has.", "attempts"),
        _count("total", "All frames."),
        _count("good", "Those with a good FCS."),
        _count("bad", "Those with a bad FCS, rewritten ones included."),
        _count("absent", "Those that came without an FCS."),
        _count("unverifiable", "Those whose FCS cannot be checked."),
        _count("claim_disagreements", "Frames on which the driver claims the opposite."),
        _count("claimed_bad", "Frames that the driver flags as bad."),
        _count("matched", "Bad frames whose original is known."),
        _count("ambiguous", "Bad frames with several originals that differ."),
        _count("unmatched", "Bad frames without an original."),
        _count("not_a_frame", "Bad frames shorter than any frame."),
        _count("rewritten", "Bad frames that no bit error made bad."),
        _count("likely", "Bad frames with a likely original that is not used."),
        _count("left_out", "Frames too short for an MSDU, in no goodput."),
        _count("rewritten_left_out", "Rewritten frames, in no goodput."),
    ),
)
GROUPS = TableColumns(
    "groups",
    "A group of frames.",
    (
        _count("frames", "All frames."),
        _count("good", "Those with a good FCS."),
        _count("bad", "Those with a bad FCS, rewritten ones excluded."),
        _count("rewritten", "Those with a bad FCS that no bit error made bad."),
        *_share("share_bad", "The packet error rate: bad / (good + bad).", "Wilson"),
        _count("judged", "Bad frames whose original is known."),
        _count("bits", "Known bits of these.", "bits"),
        _count("bit_errors", "Wrong ones among them.", "bits"),
        _count("good_bits", "Bits of good frames that would have been judged.", "bits"),
        *_share("ber", "Bit error rate: bit_errors / (bits + good_bits).", "bootstrap"),
        *_share("ber_bad", "That within bad frames: bit_errors / bits.", "bootstrap"),
    ),
    "group",
)
ALGORITHMS = TableColumns(
    "algorithms",
    "An algorithm.",
    (
        *_ALGORITHM,
        *_VERDICTS,
        _count("fcs_holds", "Repaired frames whose FCS is good after the repair."),
        *_RIGHT,
        *_WRONG,
        _count("unattributed", "Bad frames that may be retransmissions of a repaired packet."),
    ),
)
GOODPUT = TableColumns(
    "goodput",
    "A group at a data rate, without repairs or with those of an algorithm, under an assumption "
    "about the ACK. Only where there is a model for the rate, and repairs are judged.",
    (
        _maybe("algorithm", _INT, "Its place in `algorithms`. Null: no repairs."),
        _maybe("name", _TEXT, "The algorithm's name. Null: no repairs."),
        _maybe("parameters", _TEXT, "Its parameters, as a JSON object. Null: no repairs."),
        Column("ack", _TEXT, "The assumption: `ideal`, `arq` or `none`."),
        Column("goodput_mbps", _REAL, "Right packets less wrong ones.", unit="Mbit/s"),
        Column("goodput_mbps_low", _REAL, "Lower bound, 95 % (Bonferroni).", unit="Mbit/s"),
        Column("goodput_mbps_high", _REAL, "Upper bound, 95 % (Bonferroni).", unit="Mbit/s"),
        Column("delivered", _REAL, "Packets that are delivered.", unit="share"),
        Column("airtime_us", _REAL, "Mean time that a packet takes.", unit="us"),
        _maybe(
            "gain",
            _REAL,
            "Goodput over that without repairs, less 1. Null: no repairs, or nothing to gain on.",
            "share",
        ),
        _maybe(
            "undetected_errors",
            _REAL,
            "Broken packets handed up, a packet. Null: no repairs.",
            "packets",
        ),
        _maybe("saved_us", _REAL, "Time saved, a packet. Null: no repairs.", "us"),
        _maybe("saved_share", _REAL, "Of the time without repairs. Null: no repairs.", "share"),
        _maybe(
            "sender_joule_per_bit",
            _REAL,
            "Energy of the sender, a delivered bit. Null without --energy, or deliveries.",
            "J/bit",
        ),
        _maybe("receiver_joule_per_bit", _REAL, "That of the receiver.", "J/bit"),
    ),
    "rate",
)

TABLES: Final[tuple[TableColumns, ...]] = (
    RUN,
    TableColumns(
        "notes",
        "A sentence on what to know before one believes the numbers, or on what was lost.",
        (
            Column("kind", _TEXT, "`warning` or `loss`."),
            Column("text", _TEXT, "The sentence."),
        ),
    ),
    GROUPS,
    TableColumns(
        "signal",
        "A signal strength that occurs.",
        (
            Column("signal_dbm", _INT, "As the radio says it.", unit="dBm"),
            _count("good", "Frames with a good FCS."),
            _count("bad", "Frames with a bad FCS."),
        ),
    ),
    TableColumns(
        "flips",
        "A class of judged bad frames by how many of their bits are wrong.",
        (
            Column("flips", _TEXT, "`0`, `1`, `2`, `3`, `4-10`, `11-32` or `>32`.", unit="bits"),
            _count("frames", "Frames with so many wrong bits."),
        ),
        "group",
    ),
    TableColumns(
        "flip_quantiles",
        "A quantile of the number of wrong bits in a judged bad frame.",
        (
            Column("quantile", _REAL, "0.05, 0.25, 0.5, 0.75 or 0.95.", unit="share"),
            _count("flips", "Wrong bits that so many frames do not exceed.", "bits"),
        ),
        "group",
    ),
    TableColumns(
        "events",
        "The error events (clusters of wrong bits) of a group.",
        (
            _count("gap", "Right bits that end an event.", "bits"),
            _count("events", "Error events.", "events"),
            *_share("per_frame", "Events a judged bad frame."),
            *_share("single", "Judged bad frames with one event."),
            _maybe("mean_length", _REAL, "From first to last wrong bit.", "bits"),
            _maybe("mean_flips", _REAL, "Wrong bits of an event.", "bits"),
        ),
        "group",
    ),
    TableColumns(
        "lengths",
        "A class of a distribution: exact to 64, then by octave; empty classes are left out.",
        (
            Column(
                "distribution",
                _TEXT,
                "`event_lengths`: from first to last wrong bit; `event_flips`: wrong bits of an "
                "event; `runs` of wrong bits; `gaps`: right bits between two wrong ones.",
            ),
            _count("shortest", "The least that the class holds.", "bits"),
            _count("longest", "The most.", "bits"),
            _count("count", "How many there are.", ""),
        ),
        "group",
    ),
    TableColumns(
        "lags",
        "A distance between two bits.",
        (
            _count("lag", "The distance.", "bits"),
            _maybe(
                "error_rate",
                _REAL,
                "Probability that a bit is wrong if the one so far before it was. Null if no bit "
                "had one.",
                "probability",
            ),
        ),
        "group",
    ),
    TableColumns(
        "positions",
        "A part of the frame, as far as frames reach.",
        (
            _count("first_byte", "Where it begins, from the MPDU's first byte.", "bytes"),
            _count("bytes", "How long it is.", "bytes"),
            _count("bit_errors", "Wrong bits there.", "bits"),
            _count("bits", "Known bits there.", "bits"),
        ),
        "group",
    ),
    TableColumns(
        "octets",
        "A bit of the byte.",
        (
            Column("bit", _INT, "0, the first on the air, to 7."),
            _count("bit_errors", "Wrong bits there.", "bits"),
        ),
        "group",
    ),
    TableColumns(
        "symbols",
        "A data bit of the OFDM symbol; of groups at one rate of 802.11a/g.",
        (
            _count("data_bits", "Data bits of a symbol.", "bits"),
            Column("bit", _INT, "The bit, from 0, the first being the SERVICE field's."),
            _count("bit_errors", "Wrong bits there.", "bits"),
            _count("bits", "Known bits there.", "bits"),
        ),
        "group",
    ),
    TableColumns(
        "blocks",
        "A size of blocks that the known part is cut into.",
        (
            _count("bytes", "The size.", "bytes"),
            *_share("share_hit", "Blocks with a wrong bit."),
            _maybe("hit_per_frame", _REAL, "Such blocks a judged bad frame.", "blocks"),
        ),
        "group",
    ),
    TableColumns(
        "gilbert",
        "Gilbert's channel, fitted to a group that has errors enough.",
        (
            Column("p_good_to_bad", _REAL, "Into the bad state, a bit.", unit="probability"),
            Column("p_bad_to_good", _REAL, "Out of it, a bit.", unit="probability"),
            Column("error_rate_bad", _REAL, "Of bits in the bad state.", unit="probability"),
            Column("distance", _REAL, "Of observed and predicted gaps, 0 to 1."),
            Column("fits", _BOOL, "Whether that is at most 0.05."),
        ),
        "group",
    ),
    TableColumns(
        "equal_bits",
        "A test of whether all bits are equal, after Han et al.; of 30 frames or more.",
        (
            Column("test", _TEXT, "`slope`, `saw` or `finger`."),
            _count("frames", "Frames with an error event."),
            Column("statistic", _REAL, "The statistic; 0 if there is no pattern at all."),
            Column("p", _REAL, "Of so much by chance, in one test.", unit="probability"),
            Column("effect", _REAL, "How strong the pattern is."),
            _maybe("period", _INT, "Of the finger. Null for the others.", "bits"),
        ),
        "group",
    ),
    TableColumns(
        "copies",
        "Bad frames with one original, against each other; not with a payload rule.",
        (
            _count("pairs", "Pairs of copies.", "pairs"),
            *_share("share_in_common", "Pairs with a wrong bit in common."),
            _count("bits_in_common", "Wrong bits that pairs have in common.", "bits"),
            Column(
                "bits_by_chance", _REAL, "That of independent copies with even errors.", unit="bits"
            ),
            *_share("share_of_events", "Error events that overlap one of the other copy."),
        ),
        "group",
    ),
    ALGORITHMS,
    TableColumns(
        "algorithm_groups",
        "An algorithm in a group.",
        (*_ALGORITHM, *_VERDICTS, *_RIGHT, *_WRONG),
        "group",
    ),
    TableColumns("comparisons", "Two algorithms on the same frames.", (*_PAIR, *_TEST)),
    TableColumns(
        "comparison_groups",
        "Two algorithms on the same frames of a group.",
        (*_PAIR, *_TEST),
        "group",
    ),
    TableColumns(
        "throughput",
        "The frames of a group at a data rate that are long enough to carry an MSDU.",
        (
            _maybe("phy", _TEXT, "The PHY of the cycle. Null: no model for this rate."),
            _maybe("msdu", _INT, "The MSDU. Null as phy.", "bytes"),
            _count("frames", "Frames with a good or a bad FCS."),
            _count("bad", "Those with a bad one."),
            *_share("per", "The packet error rate: bad / frames.", "Wilson"),
            _maybe("cycle_us", _REAL, "Time of a packet, if nothing were lost.", "us"),
            _maybe("max_goodput_mbps", _REAL, "Goodput, if nothing were lost.", "Mbit/s"),
        ),
        "rate",
    ),
    GOODPUT,
    TableColumns(
        "repairs",
        "An algorithm in a group at a data rate: its repairs, and airtime seen to be saved.",
        (
            *_ALGORITHM,
            _count("attempted", "Bad frames of the row in `throughput` that it was given."),
            _count("unjudged", "Repairs that nothing is known of."),
            *_RIGHT,
            *_WRONG,
            _count("packets", "Packets that were repaired rightly.", "packets"),
            _count("nameless", "Those without a header that names a packet.", "packets"),
            _count("retransmissions", "Frames that repeated a repaired packet."),
            Column("airtime_us", _REAL, "Airtime of these.", unit="us"),
            *_share("airtime_share", "Of the airtime of all frames of the group."),
        ),
        "rate",
    ),
    TableColumns(
        "service",
        "The time that an algorithm's calls took; of the batch, if it was given a batch.",
        (
            *_ALGORITHM,
            _count("frames", "Frames that were answered for."),
            *(
                _maybe(f"p{part}_us", _REAL, f"Within which {part} % were answered.", "us")
                for part in (50, 95, 99)
            ),
        ),
    ),
    TableColumns(
        "deadlines",
        "A deadline of the decoding, and an algorithm.",
        (
            *_ALGORITHM,
            Column("deadline", _TEXT, "Its name, as it was given."),
            Column("deadline_us", _REAL, "Its time.", unit="us"),
            *_share("share", "Frames that were answered within it."),
        ),
    ),
    TableColumns(
        "model_curves",
        "A bit error rate of the model of independent bit errors.",
        (
            Column(RATE, _REAL, "Data rate.", unit="Mbit/s"),
            *_MODEL,
            Column("ber", _REAL, "The bit error rate.", unit="share"),
            Column("per", _REAL, "The packet error rate that it causes.", unit="share"),
            *(
                Column(name, _REAL, f"Bad frames with at most {name[-1]} wrong bits.", unit="share")
                for name in _FLIP_SHARES
            ),
            *(
                Column(f"goodput_{name}_mbps", _REAL, doc, unit="Mbit/s")
                for name, doc in zip(
                    _GOODPUTS,
                    (
                        "Goodput without repairs.",
                        *(f"That with up to {k} wrong bits mended." for k in (1, 2, 3)),
                    ),
                    strict=True,
                )
            ),
        ),
    ),
    TableColumns(
        "model_groups",
        "A group at a data rate: the model at its packet error rate, beside what was recorded.",
        (
            *_MODEL,
            Column("per", _REAL, "The packet error rate.", unit="share"),
            *(
                _maybe(name, _REAL, f"{doc} Null for a PER of 0 or 1.", unit)
                for name, doc, unit in (
                    ("uniform_ber", "The bit error rate that would cause it.", "share"),
                    ("uniform_per", "The PER that it causes.", "share"),
                    *(
                        (f"uniform_{name}", f"Bad frames with <= {name[-1]} wrong bits.", "share")
                        for name in _FLIP_SHARES
                    ),
                    *(
                        (f"uniform_goodput_{name}_mbps", f"Goodput, `{name}`.", "Mbit/s")
                        for name in _GOODPUTS
                    ),
                )
            ),
            _count("judged", "Recorded bad frames whose errors are known."),
            *_share("ber", "Recorded bit error rate: PER times that in bad frames."),
            *(
                column
                for name in _FLIP_SHARES
                for column in _share(
                    name, f"Judged bad frames with at most {name[-1]} wrong bits.", "Wilson"
                )
            ),
            Column("goodput_mbps", _REAL, "Goodput now.", unit="Mbit/s"),
        ),
        "rate",
    ),
    TableColumns(
        "model_algorithms",
        "A group at a data rate, and an algorithm whose repairs there are judged.",
        (
            *_ALGORITHM,
            *_RIGHT,
            *_WRONG,
            Column("goodput_mbps", _REAL, "Goodput with its repairs.", unit="Mbit/s"),
        ),
        "rate",
    ),
)
