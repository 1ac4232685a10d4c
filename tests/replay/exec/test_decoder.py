"""Programs that misbehave in every way, through the engine: the run goes on, and says it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from wtrec.datasets.parquet import TableFile
from wtrec.datasets.results import RESULTS
from wtrec.errors import AlgorithmError
from wtrec.replay.choice import make
from wtrec.replay.engine import Contender, Score, replay

# Flips the bit whose number is the frame's, in every bad frame; does something else at frame AT.
DECODER = f"""#!{sys.executable}
import os, signal, sys, time
import pyarrow as pa

mode, at = sys.argv[1], int(sys.argv[2])
schema = pa.schema({{"number": pa.int64(), "flips": pa.list_(pa.uint32())}})
if mode == "stderr":
    os.write(2, b"noise " * 100_000)
late = []
frames = pa.ipc.open_stream(sys.stdin.buffer)
with pa.ipc.new_stream(sys.stdout.buffer, schema) as answers:
    for n, batch in enumerate(frames):
        if os.environ.get("SEEN"):
            with open(os.environ["SEEN"], "a") as seen:
                print(batch["number"].to_pylist(), file=seen)
        rows = batch.select(["number", "fcs_status"]).to_pylist()
        bad = [row["number"] for row in rows if row["fcs_status"] == "bad"]
        if at in [row["number"] for row in rows]:
            if mode == "exit":
                sys.exit("cannot\\ngo on")
            elif mode == "once" and n == 0 and len(rows) > 1:
                sys.exit("batches confuse me")
            elif mode in {{"kill", "late-kill"}}:
                os.kill(os.getpid(), signal.SIGKILL)
            elif mode == "hang":
                time.sleep(1000)
            elif mode == "rubbish":
                os.write(1, b"debug: looking at frame %d\\n" % at)
            elif mode == "end":
                break
        if mode in {{"late", "late-kill"}}:
            bad, late = late, bad
        answers.write(pa.record_batch([bad, [[number] for number in bad]], schema=schema))
        sys.stdout.buffer.flush()
    if late:
        answers.write(pa.record_batch([late, [[number] for number in late]], schema=schema))
"""
BAD = list(range(1, 25, 3))


@dataclass
class Outcome:
    """What a replay made of the capture."""

    score: Score
    rows: dict[int, list[int] | None]
    seconds: float
    losses: list[str]


@pytest.fixture
def run(tmp_path: Path, capture: Path) -> Callable[..., Outcome]:
    """``run(choice)``: replay the capture into it; flips by frame, None where abstained."""

    def run(choice: str, into: Path = capture) -> Outcome:
        algorithm, parameters = make(choice)
        output = tmp_path / "results.parquet"
        started = time.monotonic()
        summary = replay(into, [Contender(algorithm, parameters, output)])
        took = time.monotonic() - started
        with TableFile(output, RESULTS) as results:
            rows = [row for batch in results.batches() for row in batch.to_pylist()]
        answers = {
            row["number"]: row["flips"] if row["outcome"] == "repaired" else None for row in rows
        }
        return Outcome(summary.scores[0], answers, took, summary.losses)

    return run


@pytest.fixture
def decoder(program: Callable[[str], Path]) -> Path:
    """The program above."""
    return program(DECODER)


def flips(*abstained: int) -> dict[int, list[int] | None]:
    """What the program above answers, abstained on some frames."""
    return {number: None if number in abstained else [number] for number in BAD}


Run = Callable[..., Outcome]


class TestSound:
    """Programs that do as they should."""

    def test_answers(self, run: Run, decoder: Path) -> None:
        """Every bad frame is answered, over several batches, with a flood on stderr."""
        outcome = run(f"exec:batch=10:{decoder} stderr 0")
        assert outcome.rows == flips()
        assert outcome.losses == []
        assert outcome.score.name == "exec-decoder"
        assert outcome.score.facts == {"restarts": 0, "answers refused": 0}

    def test_late(
        self, run: Run, decoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Answers may come with a later batch, and after the last one; bad frames alone suffice."""
        monkeypatch.setenv("SEEN", str(tmp_path / "seen"))
        assert run(f"exec:batch=3,bad_only=yes:{decoder} late 0").rows == flips()
        assert (tmp_path / "seen").read_text() == "[1, 4, 7]\n[10, 13, 16]\n[19, 22]\n"

    def test_nothing_said(self, run: Run, program: Callable[[str], Path], tmp_path: Path) -> None:
        """Batches without rows abstain."""
        write_answers(tmp_path / "said", pa.table({"number": NUMBERS([]), "flips": FLIPS([])}))
        path = program(f"#!/bin/sh\ncat {tmp_path}/said; exec cat >/dev/null\n")
        outcome = run(f"exec:{path}")
        assert outcome.rows == flips(*BAD)
        assert outcome.losses == []

    @pytest.mark.parametrize("codec", ["lz4", "zstd"])
    def test_compressed(
        self, run: Run, program: Callable[[str], Path], tmp_path: Path, codec: str
    ) -> None:
        """Answers may be packed as Arrow does it."""
        table = pa.table({"number": NUMBERS([4]), "flips": FLIPS([list(range(500))])})
        write_answers(tmp_path / "said", table, compression=codec)
        path = program(f"#!/bin/sh\ncat {tmp_path}/said; exec cat >/dev/null\n")
        assert run(f"exec:{path}").rows == {**flips(*BAD), 4: list(range(500))}

    def test_an_empty_capture(
        self, run: Run, decoder: Path, tmp_path: Path, write_capture: Callable[..., Path]
    ) -> None:
        """Two streams without batches."""
        outcome = run(f"exec:{decoder} none 0", write_capture(tmp_path / "empty.pcapng", []))
        assert outcome.rows == {}
        assert outcome.losses == []

    def test_a_big_batch(
        self, run: Run, decoder: Path, tmp_path: Path, write_capture: Callable[..., Path]
    ) -> None:
        """Twenty megabytes in one batch are more than pipes hold."""
        mpdus = [bytes([i % 256]) * 10_000 for i in range(2000)]
        capture = write_capture(tmp_path / "big.pcapng", mpdus)
        outcome = run(f"exec:timeout=60:{decoder} none 0", capture)
        assert outcome.rows == {number: [number] for number in range(1, 2001)}
        assert outcome.losses == []


class TestFailing:
    """Programs that fail at a frame."""

    @pytest.mark.parametrize(
        ("mode", "found"),
        [
            (
                "exit",
                "died with exit code 1; {}; the last on its stderr: cannot | go on; mend the ",
            ),
            ("kill", "was ended by signal 9 (SIGKILL); {}; mend the program"),
            ("rubbish", "wrote b'debug: looking at frame 13\\n"),
            ("end", "ended its answers with exit code 0; {}; let it answer every batch until its "),
        ],
    )
    def test_frame_is_found(self, run: Run, decoder: Path, mode: str, found: str) -> None:
        """The frame at fault is named and abstained on; all others are answered."""
        outcome = run(f"exec:{decoder} {mode} 13")
        assert outcome.rows == flips(13)
        (line,) = outcome.score.problems
        assert outcome.losses == [f"exec-decoder: {line}"]
        after = "abstained, and a fresh one goes on without what this one had learned"
        assert line.startswith(f"frame 13: {decoder} {found.format(after)}")
        assert outcome.score.facts["restarts"] == 2

    def test_hang(self, run: Run, decoder: Path) -> None:
        """The time is bounded, and the frame found; a good frame may be the one."""
        outcome = run(f"exec:timeout=5,batch=1:{decoder} hang 14")
        assert outcome.rows == flips()
        (line,) = outcome.score.problems
        assert line.startswith(f"frame 14: {decoder} gave no answer within 5 s; abstained, and a")
        assert line.endswith("flush its stdout after each batch, raise timeout= or lower batch=")
        assert outcome.seconds > 5

    def test_not_again(self, run: Run, decoder: Path) -> None:
        """What fails for a batch, and not for its frames, costs no answers."""
        outcome = run(f"exec:{decoder} once 13")
        assert outcome.rows == flips()
        (line,) = outcome.score.problems
        assert line == (
            f"frames 1 to 24: {decoder} died with exit code 1; a fresh one has answered them one "
            "by one, without what this one had learned; the last on its stderr: batches confuse "
            "me; mend the program"
        )

    @pytest.mark.slow
    def test_no_restart_left(self, run: Run, decoder: Path) -> None:
        """From there on everything is abstained."""
        outcome = run(f"exec:batch=6,restarts=0:{decoder} kill 13")
        assert outcome.rows == flips(13, 16, 19, 22)
        (line,) = outcome.score.problems
        assert line.startswith(
            f"frames 13 to 18: {decoder} was ended by signal 9 (SIGKILL); abstained, and so does "
            "all that follows: no restart is left (restarts=0)"
        )
        outcome = run(f"exec:batch=6,restarts=1:{decoder} kill 14")
        assert outcome.rows == flips(16, 19, 22)
        assert outcome.score.problems[0].startswith(f"frame 14: {decoder} was ended by signal 9")

    def test_open_frames_are_lost(self, run: Run, decoder: Path) -> None:
        """What a dead program had not answered is abstained on, not given to the next."""
        outcome = run(f"exec:batch=6:{decoder} late-kill 14")
        assert outcome.rows == flips(7, 10, 13)
        (line,) = outcome.score.problems
        assert line.startswith(f"frame 14: {decoder} was ended by signal 9 (SIGKILL); abstained, ")
        assert "; 1 earlier frames that it left open are abstained on; " in line

    @pytest.mark.parametrize(
        ("after", "timeout", "found"),
        [
            ("exit 5", 60, "ended with exit code 5, wanted exit code 0"),
            ("exec sleep 1000", 3, "ended its answers and did not exit within 3 s"),
        ],
    )
    def test_after_the_end(
        self,
        run: Run,
        program: Callable[[str], Path],
        tmp_path: Path,
        after: str,
        timeout: float,
        found: str,
    ) -> None:
        """A failure behind the last answer spoils none."""
        write_answers(tmp_path / "said", pa.table({"number": NUMBERS([4]), "flips": FLIPS([[5]])}))
        path = program(f"#!/bin/sh\ncat {tmp_path}/said; cat >/dev/null; {after}\n")
        outcome = run(f"exec:timeout={timeout}:{path}")
        assert outcome.rows == {**flips(*BAD), 4: [5]}
        (line,) = outcome.score.problems
        assert line.startswith(
            f"after the last frame: {path} {found}; what it has answered stands; 7 earlier frames "
            "that it left open are abstained on; "
        )

    def test_others_are_unaffected(self, capture: Path, tmp_path: Path, decoder: Path) -> None:
        """Another algorithm of the same run gets what it would alone; both files hold it all."""
        crc_flip, flip_parameters = make("crc-flip")
        algorithm, parameters = make(f"exec:restarts=0:{decoder} kill 13")
        outputs = tmp_path / "a.parquet", tmp_path / "b.parquet"
        summary = replay(
            capture,
            [
                Contender(algorithm, parameters, outputs[0]),
                Contender(crc_flip, flip_parameters, outputs[1]),
            ],
        )
        assert [score.attempted for score in summary.scores] == [8, 8]
        assert summary.scores[1].repaired == 8
        assert len(summary.losses) == 1
        with TableFile(outputs[0], RESULTS) as results:
            assert json.loads(results.metadata["problems"]) == summary.scores[0].problems

    def test_an_error_elsewhere_ends_it(self, capture: Path, tmp_path: Path, decoder: Path) -> None:
        """When the replay fails or is interrupted, the program is killed."""

        class Interrupted:
            name = "interrupted"

            def recover(self, frames: Any) -> Any:
                del frames
                raise KeyboardInterrupt

            def finish(self) -> Any: ...

        algorithm, parameters = make(f"exec:{decoder} none 0")
        with pytest.raises(KeyboardInterrupt):
            replay(
                capture,
                [
                    Contender(algorithm, parameters, tmp_path / "a.parquet"),
                    Contender(Interrupted(), {}, tmp_path / "b.parquet"),
                ],
            )


def write_answers(path: Path, *tables: Any, compression: str | None = None) -> None:
    """An Arrow stream as a program would write it."""
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(path, tables[0].schema, options=options) as stream:
        for table in tables:
            for batch in table.to_batches() or [
                pa.RecordBatch.from_pylist([], schema=table.schema)
            ]:
                stream.write_batch(batch)


def NUMBERS(values: list[int]) -> Any:  # noqa: N802 - it makes the column of this name
    return pa.array(values, pa.int64())


def FLIPS(values: list[Any]) -> Any:  # noqa: N802
    return pa.array(values, pa.list_(pa.uint32()))


BIG = 8 << 20  # bytes of flips


class TestRubbish:
    """Programs that say what nobody asked for; these are shell scripts."""

    @pytest.mark.parametrize(
        ("script", "timeout", "found"),
        [
            (
                "echo hello; exec cat >/dev/null",
                60,
                "wrote b'hello\\n', wanted an Arrow IPC stream",
            ),
            ("exit 3", 60, "died with exit code 3"),
            ("exec <&-; exit 3", 60, "died with exit code 3"),
            ("exec >&-; exec cat >/dev/null", 60, "closed its stdout"),
            ("exec cat", 60, "answers with the column flips missing, wanted list<"),
            ("exec yes", 60, "wrote b'y\\ny\\ny\\n"),
            ("head -c 100 said; exec cat >/dev/null", 60, "closed its stdout"),
            ("head -c 400 said", 60, "ended its answers with exit code 0"),
            ("cat broken; exec cat", 60, "wrote no sound Arrow stream: "),
            ("exec sleep 100", 0.3, "gave no answer within 0.3 s"),
            ("head -c 8 said; exec sleep 100", 0.3, "gave no answer within 0.3 s"),
            (
                "cat huge; exec cat /dev/zero",
                60,
                "announced 2147483640 bytes of metadata, wanted at most 4194304",
            ),
            (
                "cat big; exec cat >/dev/null",
                60,
                f"announced {BIG + 16} bytes of answers, wanted at most {28 + 4 * 536 + 2**22}",
            ),
        ],
    )
    def test_no_stream(
        self,
        run: Run,
        program: Callable[[str], Path],
        tmp_path: Path,
        script: str,
        timeout: float,
        found: str,
    ) -> None:
        """All is abstained, within the time, and the line says what came."""
        write_answers(tmp_path / "said", pa.table({"number": NUMBERS([4]), "flips": FLIPS([[5]])}))
        said = (tmp_path / "said").read_bytes()
        (tmp_path / "broken").write_bytes(said[:8] + b"\x99" * 1000)
        (tmp_path / "huge").write_bytes(said[:4] + b"\xf8\xff\xff\x7f")
        big = pa.table({"number": NUMBERS([4]), "flips": FLIPS([range(BIG // 4)])})
        write_answers(tmp_path / "big", big)
        path = program(f"#!/bin/sh\ncd {tmp_path}\n{script}\n")
        outcome = run(f"exec:timeout={timeout},restarts=1:{path}")
        assert outcome.rows == flips(*BAD)
        assert f"{path} {found}" in outcome.score.problems[0]

    @pytest.mark.parametrize(
        ("script", "timeout", "found"),
        [
            ("cat said; exec sleep 100", 3, "did not read the frames within 3 s"),
            ("exec <&-; cat said; exec sleep 100", 60, "had closed its stdin before it had read"),
        ],
    )
    def test_frames_not_read(
        self,
        run: Run,
        program: Callable[[str], Path],
        tmp_path: Path,
        write_capture: Callable[..., Path],
        script: str,
        timeout: float,
        found: str,
    ) -> None:
        """An answer counts when the batch was read, which is more than a pipe holds."""
        write_answers(tmp_path / "said", pa.table({"number": NUMBERS([4]), "flips": FLIPS([[5]])}))
        path = program(f"#!/bin/sh\ncd {tmp_path}\n{script}\n")
        capture = write_capture(tmp_path / "big.pcapng", [bytes([9]) * 1000] * 200)
        outcome = run(f"exec:timeout={timeout},restarts=0:{path}", capture)
        assert set(outcome.rows.values()) == {None}
        assert f"answered, and {found}" in outcome.losses[0]

    def test_wrong_schema_is_not_tried_again(
        self, run: Run, program: Callable[[str], Path], tmp_path: Path
    ) -> None:
        """A fresh program would do the same."""
        write_answers(tmp_path / "said", pa.table({"number": NUMBERS([4]), "bits": NUMBERS([5])}))
        path = program(f"#!/bin/sh\ncat {tmp_path}/said; exec cat >/dev/null\n")
        outcome = run(f"exec:{path}")
        assert outcome.rows == flips(*BAD)
        (line,) = outcome.score.problems
        assert line == (
            f"frames 1 to 24: {path} answers with the column flips missing, wanted "
            "list<item: uint32>; abstained, and so does all that follows; docs/exec.md has the "
            "columns"
        )
        assert outcome.score.facts["restarts"] == 0

    def test_refused_answers(
        self, run: Run, program: Callable[[str], Path], tmp_path: Path
    ) -> None:
        """Each is named, up to ten; the others of the batch stand, and the program goes on."""
        numbers = [1, 2, 4, 4, 7, 99, 10, *range(100, 110)]
        bits = [[1], [1], [2], [3], [999], [1], [5, 4], *[[1]] * 10]
        table = pa.table({"number": NUMBERS(numbers), "flips": FLIPS(bits)})
        rest = pa.table({"number": NUMBERS([13, 7]), "flips": FLIPS([[6], [7]])})
        write_answers(tmp_path / "said", table, rest)
        path = program(f"#!/bin/sh\ncat {tmp_path}/said; exec cat >/dev/null\n")
        outcome = run(f"exec:batch=20:{path}")
        assert outcome.rows == {**flips(*BAD), 1: [1], 4: [2], 13: [6]}
        nothing = "it is not bad, has its answer, or was given up"
        assert outcome.score.problems[:3] == [
            f"frame 2: answered for, but {nothing} ({path} wrote it)",
            f"frame 4: answered twice ({path} wrote it)",
            f"frame 7: flips bit 999, wanted below 536; abstained ({path} wrote it)",
        ]
        assert len(outcome.score.problems) == 11
        assert outcome.score.problems[-1] == f"6 more answers of {path} were refused"
        assert outcome.score.facts == {"restarts": 0, "answers refused": 16}


class TestIgnoredChildren:
    """wtrec was started where SIGCHLD is ignored."""

    @pytest.fixture(autouse=True)
    def _ignored(self) -> Iterator[None]:
        before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        yield
        signal.signal(signal.SIGCHLD, before)

    def test_sound(self, run: Run, program: Callable[[str], Path], tmp_path: Path) -> None:
        """Nothing is wrong with a program that ends as it should."""
        write_answers(tmp_path / "said", pa.table({"number": NUMBERS([4]), "flips": FLIPS([[5]])}))
        path = program(f"#!/bin/sh\ncat {tmp_path}/said; exec cat >/dev/null\n")
        outcome = run(f"exec:{path}")
        assert outcome.rows == {**flips(*BAD), 4: [5]}
        assert outcome.losses == []

    def test_dies(self, run: Run, program: Callable[[str], Path]) -> None:
        """How one ended that died is said."""
        path = program("#!/bin/sh\nexit 3\n")
        (line,) = run(f"exec:restarts=0:{path}").score.problems
        assert line.startswith(f"frames 1 to 24: {path} died with exit code 3; abstained, and so ")


class TestMaking:
    """From what a user writes."""

    def test_parameters(self, program: Callable[[str], Path], tmp_path: Path) -> None:
        """They are stored, with the command and the digests of the files in it."""
        path = program("#!/bin/sh\nexec cat >/dev/null\n")
        model = tmp_path / "model"
        model.write_bytes(b"weights")
        command = f"{path} --model {model} -v"
        algorithm, parameters = make(
            f"exec:timeout=2,bad_only=on-air:{command}".replace("on-air", "1")
        )
        assert algorithm.name == "exec-decoder"
        assert parameters == {
            "command": command,
            "timeout": 2.0,
            "restarts": 4,
            "batch": 4096,
            "bad_only": True,
            "name": "",
            "provenance": {
                "sha256": {
                    str(path): hashlib.sha256(path.read_bytes()).hexdigest(),
                    str(model): hashlib.sha256(b"weights").hexdigest(),
                }
            },
        }
        assert make(f"exec:name=my.own:{path}")[0].name == "exec-my-own"
        del algorithm

    @pytest.mark.parametrize(
        ("choice", "message"),
        [
            ("exec", "exec: no program, wanted a command line such as exec:./decoder"),
            ("exec:timeout=5:", "exec: no program"),
            ("exec:./a 'b", "exec: .*No closing quotation, wanted a command line"),
            ("exec:/no/such", "exec: /no/such cannot be started: no such file; check the path"),
            ("exec:timeout=0:cat", "timeout=0.0, wanted a positive number of seconds"),
            ("exec:timeout=nan:cat", "timeout=nan, wanted"),
            ("exec:restarts=-1:cat", "restarts=-1, wanted 0 to 100"),
            ("exec:batch=0:cat", "batch=0, wanted 1 to 65536"),
            ("exec:batch=x:cat", "exec: batch='x', wanted int"),
            ("exec:speed=5:cat", "exec takes no parameter 'speed=5'; it has: timeout, restarts"),
            ("exec:command=ls:cat", "exec takes no parameter 'command=ls'"),
        ],
    )
    def test_refused(self, choice: str, message: str) -> None:
        """In one line, before anything is replayed."""
        with pytest.raises(AlgorithmError, match=message):
            make(choice)

    @pytest.mark.parametrize("text", ["", "\x7fELF nonsense", "#!/no/such/interpreter\n"])
    def test_not_startable(self, program: Callable[[str], Path], text: str) -> None:
        """A file that the system does not run is an error at once."""
        with pytest.raises(AlgorithmError, match=r"decoder cannot be started: .*; a script begins"):
            make(f"exec:{program(text)}")

    def test_not_startable_again(self, run: Run, decoder: Path) -> None:
        """A program that is gone when it is needed again is a failure like others."""
        decoder.write_text(DECODER.replace("sys.exit(", "os.unlink(sys.argv[0]); sys.exit("))
        outcome = run(f"exec:batch=6:{decoder} exit 13")
        assert outcome.rows == flips(13, 16, 19, 22)
        assert outcome.score.problems[0] == (
            f"{decoder} cannot be started again: No such file or directory"
        )


def test_interrupted_from_the_keyboard(capture: Path, decoder: Path) -> None:
    """Ctrl-C ends wtrec and the program, which is in a process group of its own."""
    wtrec = Path(sys.executable).with_name("wtrec")
    seen = decoder.with_name("seen")
    running = subprocess.Popen(
        [wtrec, "replay", capture, "--algo", f"exec:timeout=100:{decoder} hang 14"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "SEEN": str(seen)},
    )
    end = time.monotonic() + 60
    while not seen.exists() and time.monotonic() < end:
        time.sleep(0.02)
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
    assert len(children) == 1
    running.send_signal(2)
    assert running.wait(timeout=30) != 0
    assert not Path(f"/proc/{children[0]}").exists()
