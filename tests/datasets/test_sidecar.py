"""``run.json`` beside captures: whose it is, and what of it holds for what is made of them."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

from click.testing import CliRunner

from wtrec.cli.main import wtrec
from wtrec.datasets.merge import merge
from wtrec.datasets.pcapng import (
    Custom,
    EnhancedPacket,
    InterfaceDescription,
    SectionHeader,
    read_block,
)
from wtrec.datasets.run import Counters, Filter, Run, RunFile, RunInterface
from wtrec.datasets.sidecar import embedded, has_all_files, run_of
from wtrec.dot11 import radiotap

COUNTERS = Counters(received=9, dropped_by_kernel=0, written=9, bad_fcs=0)
RUN = Run.begin(interface="mon0", start=5, snap_length=99, end=6, counters=COUNTERS)
HEAD = SectionHeader.make().write("<") + InterfaceDescription.make(127).write("<")
PACKET = EnhancedPacket.make(0, 1, radiotap.build() + bytes(30)).write("<")
RING = [f"run_{number:05}_2026010100000{number}.pcapng" for number in (1, 2, 3)]


def command(*arguments: object) -> str:
    """Run a command that ends well; what it says."""
    done = CliRunner().invoke(wtrec, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done.output


def ring(folder: Path) -> list[Path]:
    """A run in three files, with its metadata."""
    paths = [folder / name for name in RING]
    for path in paths:
        path.write_bytes(HEAD + PACKET)
    part = RunInterface(name="mon0", counters=COUNTERS)
    files = tuple(RunFile(name=name) for name in RING)
    replace(RUN, files=files, interfaces=(part,)).save(folder / "run.json")
    return paths


def test_a_file_that_is_no_metadata_is_passed_over(tmp_path: Path) -> None:
    """What the section header says holds then, and it is said why."""
    capture = tmp_path / "a.pcapng"
    (tmp_path / "a.json").write_text('{"name": "my notes"}')
    found, why = run_of(capture, ["a comment", RUN.to_json()])
    assert found == RUN
    assert "cannot be read, and is passed over" in why
    (tmp_path / "a.json").unlink()
    assert run_of(capture, []) == (None, "")


def test_commands_work_beside_it(tmp_path: Path) -> None:
    """Merge, convert and recover say it, and do their work."""
    capture = tmp_path / "a.pcapng"
    capture.write_bytes(HEAD + PACKET)
    (tmp_path / "a.json").write_text('{"name": "my notes"}')
    for name in ("merge", "convert", "recover"):
        suffix = ".parquet" if name == "convert" else ".pcapng"
        assert "passed over" in command(name, capture, "-o", tmp_path / f"{name}{suffix}")


def test_all_files_of_a_run() -> None:
    """All that are there, from the first one; of a run in one file, that one by any name."""
    run = replace(RUN, files=tuple(RunFile(name=name) for name in RING))
    paths = [Path(name) for name in RING]
    assert has_all_files(run, paths)
    assert not has_all_files(run, paths[:2])
    assert not has_all_files(replace(run, files=run.files[1:]), paths[1:])
    assert not has_all_files(run, [Path("else.pcapng")])
    assert has_all_files(replace(run, files=run.files[:1]), [Path("else.pcapng")])


def test_counters_of_a_run_are_not_those_of_its_parts(tmp_path: Path) -> None:
    """Merged or saved in part, it has none; merged as a whole, it has its own."""
    paths = ring(tmp_path)
    output = tmp_path / "out.pcapng"
    merge(paths[1:], output)
    found = Run.load(tmp_path / "out.json")
    assert (found.counters, found.run_id) == (None, RUN.run_id)
    assert [each.counters for each in found.interfaces] == [None]
    merge(paths, output)
    assert Run.load(tmp_path / "out.json").counters == COUNTERS
    assert "no counters" in command("recover", paths[0], "-o", output, "--force")
    found = Run.load(tmp_path / "out.json")
    assert (found.counters, [file.name for file in found.files]) == (None, ["out.pcapng"])


def test_a_converted_capture_has_the_metadata(tmp_path: Path) -> None:
    """As a recovered one has; beside the capture, one serves both."""
    capture = tmp_path / "a.pcapng"
    capture.write_bytes(HEAD + PACKET)
    RUN.save(tmp_path / "a.json")
    before = (tmp_path / "a.json").read_bytes()
    command("convert", capture, "-o", tmp_path / "b.pcap")
    found = Run.load(tmp_path / "b.json")
    assert (found.run_id, found.counters) == (RUN.run_id, COUNTERS)
    assert found.files[0].name == "b.pcap"
    command("convert", capture, "-o", tmp_path / "a.pcap")
    assert (tmp_path / "a.json").read_bytes() == before
    done = CliRunner().invoke(wtrec, ["convert", str(capture), "-o", str(tmp_path / "b.pcapng")])
    assert "b.json exists" in str(done.exception)


def test_what_is_too_long_for_a_comment_is_left_out() -> None:
    """The filter's program, then interfaces, then keys and values; or there is no comment."""
    program = Filter(text="udp", program="6 0 0 0\n" * 9000)
    interfaces = (RunInterface(name="mon0"),)
    run = replace(RUN, filter=program, interfaces=interfaces)
    text = embedded(run)
    assert text is not None
    assert Run.from_json(text) == replace(run, filter=replace(program, program=""))
    run = replace(RUN, interfaces=interfaces * 20_000)
    text = embedded(run)
    assert text is not None
    assert Run.from_json(text) == RUN
    assert embedded(replace(RUN, comment="x" * 70_000)) is None


def test_merging_many_interfaces(tmp_path: Path) -> None:
    """Their description is no longer than a comment can be; unnamed ones have no commas."""
    capture = tmp_path / "a.pcapng"
    described = b"".join(
        InterfaceDescription.make(127, name=f"mon{number}").write("<") for number in range(3000)
    )
    capture.write_bytes(SectionHeader.make().write("<") + described + PACKET)
    part = tuple(RunInterface(name=f"mon{number}") for number in range(3000))
    replace(RUN, interfaces=part).save(tmp_path / "a.json")
    merge([capture], tmp_path / "out.pcapng")
    header, _, _ = read_block((tmp_path / "out.pcapng").read_bytes(), 0, None)
    assert isinstance(header, SectionHeader)
    assert Run.from_json(header.comments[0]).interfaces == ()
    assert len(Run.load(tmp_path / "out.json").interfaces) == 3000
    (tmp_path / "a.json").unlink()
    capture.write_bytes(HEAD + InterfaceDescription.make(127).write("<") * 2 + PACKET)
    merge([capture], tmp_path / "out.pcapng")
    assert json.loads((tmp_path / "out.json").read_text())["interface"] == ""


def test_merging_takes_no_more_memory_for_blocks_before_a_packet(tmp_path: Path) -> None:
    """They are written as they come."""
    capture = tmp_path / "a.pcapng"
    block = Custom(7, bytes(4 << 20)).write("<")
    with capture.open("wb") as file:
        file.write(HEAD)
        for _ in range(40):
            file.write(block)
        file.write(PACKET)
    tracemalloc.start()
    merge([capture], tmp_path / "out.pcapng")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 << 20
    assert (tmp_path / "out.pcapng").stat().st_size > 40 * len(block)
