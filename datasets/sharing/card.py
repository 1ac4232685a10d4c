"""``README.md`` of a dataset: its metadata as people read them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence

from .dataset import TEXTS, Author, Dataset, DatasetFile, DatasetRun

_TITLES = {name: name.replace("_", " ").capitalize() for name in TEXTS}


def card(dataset: Dataset) -> str:
    """The page, in Markdown."""
    by = ", ".join(_author(author) for author in dataset.authors)
    facts = [
        ("Authors", by),
        ("Licence", dataset.licence),
        ("Recorded", f"{dataset.start} to {dataset.end}" if dataset.start else "not known"),
        ("DOI", dataset.doi and f"<https://doi.org/{dataset.doi}>"),
        ("Keywords", ", ".join(dataset.keywords)),
        ("Size", f"{len(dataset.runs):,} run(s), {dataset.size:,} bytes"),
        ("Made", f"{dataset.created} by wtrec {dataset.wtrec_version}"),
    ]
    blocks = [
        f"# {dataset.title}",
        f"Dataset `{dataset.name}`, version {dataset.version}.",
        "\n".join(f"- {label}: {text}" for label, text in facts if text),
    ]
    for name in TEXTS:
        if text := getattr(dataset, name).strip():
            blocks += [f"## {_TITLES[name]}", text]
    if dataset.unsaid:
        unsaid = ", ".join(_TITLES[name].lower() for name in dataset.unsaid)
        blocks.append(f"Nothing is said of: {unsaid}.")
    blocks += ["## Runs", _runs(dataset)]
    results = [(run, file) for run in dataset.runs for file in run.of_kind("results")]
    if results:
        blocks += ["## Results", _results(results)]
    blocks += ["## Use", _use(dataset)]
    return "\n\n".join(blocks) + "\n"


def _author(author: Author) -> str:
    facts = [author.affiliation, author.email, author.orcid and f"https://orcid.org/{author.orcid}"]
    said = ", ".join(fact for fact in facts if fact)
    return f"{author.name} ({said})" if said else author.name


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _runs(dataset: Dataset) -> str:
    rows = []
    for run in dataset.runs:
        captures = run.of_kind("capture")
        sums = [
            sum(file.counts.get(name, 0) for file in captures) for name in ("frames", "good", "bad")
        ]
        names = ", ".join(f"`{file.name}`" for file in run.files)
        rows.append((f"`{run.id}`", *(f"{number:,}" for number in sums), names))
    return _table(("run", "frames", "good FCS", "bad FCS", "files"), rows)


def _results(results: list[tuple[DatasetRun, DatasetFile]]) -> str:
    rows = []
    for run, file in results:
        version = file.facts.get("wtrec_version", "unknown")
        repaired = f"{file.counts.get('repaired', 0):,}"
        capture = run.of_kind("capture")[0].name if run.of_kind("capture") else ""
        capture = file.facts.get("capture", capture)
        command = replay_command(capture, file)
        rows.append((f"`{run.id}/{file.name}`", repaired, version, f"`{command}`"))
    return _table(("file", "claims", "wtrec", "made by"), rows)


def algorithm(file: DatasetFile) -> str:
    """The algorithm of results with its parameters, as ``--algo`` takes it."""
    name = file.facts.get("algorithm", "unknown")
    values = _object(file.facts.get("parameters", "{}"))
    values.pop("provenance", None)
    command = values.pop("command", None) if name.startswith("exec-") else None
    said = ",".join(
        f"{key}={value}" for key, value in values.items() if value is not None and value != ""
    )
    if command is not None:
        return f"exec:{said}:{command}" if said else f"exec:{command}"
    return f"{name}:{said}" if said else name


def replay_command(capture: str, file: DatasetFile) -> str:
    """The command that makes results again, but for their times."""
    words = ["wtrec", "replay", capture, "--algo", algorithm(file)]
    pace, _, rate = file.facts.get("pace", "").partition(" ")
    is_paced = pace in {"rate", "pps", "mbps"}
    words += [f"--{pace}", rate] if is_paced else []
    for name, value in _object(file.facts.get("selection", "{}")).items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    batch = file.facts.get("batch", "")
    words += ["--batch", batch] if batch not in {"", "1" if is_paced else "65536"} else []
    if deadline := file.facts.get("deadline_us"):
        words += ["--deadline", deadline]
    if (on_overrun := file.facts.get("on_overrun", "wait")) != "wait":
        words += ["--on-overrun", on_overrun]
    return shlex.join(words)


def _object(text: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {}


def _use(dataset: Dataset) -> str:
    first = dataset.runs[0]
    captures = first.of_kind("capture")
    path = f"{first.folder}/{captures[0].name}" if captures else str(first.folder)
    lines = [
        "This folder is a BagIt bag. Whether every file is as it was:",
        "```sh\nsha256sum --quiet -c manifest-sha256.txt tagmanifest-sha256.txt\n```",
        "With wtrec, that and whether all can be read; then the analysis of a run:",
        f"```sh\nwtrec dataset verify .\nwtrec analyze {shlex.quote(path)}\n```",
        "`data/dataset.json` has all of this page for programs.",
    ]
    if any(file.parts for run in dataset.runs for file in run.files):
        lines.append("Large files are in parts; this puts one together: `cat NAME.part* > NAME`.")
    return "\n\n".join(lines)
