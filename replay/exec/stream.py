"""One life of a decoder: frames go in as an Arrow IPC stream, answers come out as another.

    to its stdin     schema of FRAMES, batch, batch, ..., end of stream
    from its stdout  schema of ANSWERS, one batch for each, any number after the end, end of stream

The bytes are those of "IPC Streaming Format" in Arrow's columnar specification: messages that
begin with FF FF FF FF and the length of their metadata.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

import pyarrow as pa

from ...datasets.frames import FRAMES
from .answers import check_schema
from .process import Process

SPARE: Final = 4 << 20  # bytes of metadata, and of a body beyond what answers can need

_MARK: Final = b"\xff\xff\xff\xff"
_HEAD: Final = 8  # bytes: the mark and the length of the metadata
_OLD_END: Final = bytes(4)  # of streams as Arrow wrote them before its version 0.15
_STDOUT_HINT: Final = "stdout is for answers alone, let it print to stderr"
_GRACE: Final = 3.0  # s that a program has from closing its stdout to its exit


class DecoderError(Exception):
    """A decoder that failed.

    Args:
        found: What it did, to be read after its name.
        hint: What its author can do.
        final: A fresh one would do the same.

    Attributes:
        stderr: The last it wrote there.
        left_open: Frames of earlier batches that it had not answered for.
    """

    def __init__(self, found: str, hint: str, *, final: bool = False) -> None:
        super().__init__(found)
        self.hint = hint
        self.final = final
        self.stderr = ""
        self.left_open = 0


class Stream:
    """A decoder that was started, and the two streams.

    Args:
        argv: The program's path and its arguments.
        timeout: Seconds that it has for each batch.

    Raises:
        OSError: The program cannot be started.
    """

    def __init__(self, argv: Sequence[str], timeout: float) -> None:
        self._process = Process(argv)
        self._timeout = timeout
        self._outbox = _Outbox()
        self._inbox = _Inbox(self._process)
        self._writer = pa.ipc.new_stream(pa.PythonFile(self._outbox, mode="w"), FRAMES.schema)
        self._reader: Any = None

    def ask(self, frames: Any, need: int) -> Any:
        """Give it a batch of frames; the ``pyarrow.RecordBatch`` that it answers.

        Args:
            frames: A ``pyarrow.RecordBatch`` of ``FRAMES``.
            need: Bytes that answers to all open frames, these too, can need.

        Raises:
            DecoderError: It gave none, or something else, or did not take the frames.
        """
        self._process.deadline = time.monotonic() + self._timeout
        self._inbox.limit = need + SPARE
        self._writer.write_batch(frames)
        self._process.send(self._outbox.take())
        with self._last_words():
            answers = self._next()
            if answers is None:
                raise self._early_end()
            try:
                self._flush()
            except BrokenPipeError:
                what = "answered, and had closed its stdin before it had read the frames"
                raise DecoderError(what, "let it read until its stdin ends") from None
        return answers

    def finish(self, need: int) -> Iterator[Any]:
        """End its input; the batches that it still has to say, until it has exited.

        Args:
            need: As for :meth:`ask`.

        Raises:
            DecoderError: Its stream did not end, or it exited with another code than 0.
        """
        self._process.deadline = time.monotonic() + self._timeout
        self._inbox.limit = need + SPARE
        self._writer.close()
        self._process.send(self._outbox.take())
        self._process.end_input()
        with self._last_words():
            while (answers := self._next()) is not None:
                yield answers
            with contextlib.suppress(BrokenPipeError):  # it may have died since its last answer
                self._flush()
            status = self._process.exit_status()
            if not status:
                what = f"ended its answers and did not exit within {self._timeout:g} s"
                raise DecoderError(what, "let it exit behind its answers, or raise timeout=")
            if status != "exit code 0":
                raise DecoderError(f"ended with {status}, wanted exit code 0", "mend the program")

    def kill(self) -> None:
        """End the program."""
        self._process.kill()

    @contextlib.contextmanager
    def _last_words(self) -> Iterator[None]:
        """What the program wrote to stderr goes with the error."""
        try:
            yield
        except DecoderError as error:
            error.stderr = self._process.last_words()
            raise

    def _next(self) -> Any | None:
        """The next batch of answers, or None where they end."""
        try:
            if self._reader is None:
                self._check_mark()
                self._reader = pa.ipc.open_stream(pa.PythonFile(self._inbox, mode="r"))
                self._check_schema()
            self._check_mark()
            answers = self._reader.read_next_batch()
            answers.validate(full=True)
        except StopIteration:
            return None
        except TimeoutError:
            raise self._late("gave no answer", "stdout") from None
        except (pa.ArrowException, OSError, ValueError) as error:
            if self._inbox.fell_short:
                raise self._early_end() from None
            what = " ".join(str(error).split())
            raise DecoderError(f"wrote no sound Arrow stream: {what}", _STDOUT_HINT) from None
        return answers

    def _check_mark(self) -> None:
        """Tell rubbish from a message before its first bytes are believed to be a length."""
        begin = self._process.peek(len(_MARK))
        if begin not in {_MARK, _OLD_END} and len(begin) == len(_MARK):
            found = self._process.peek_now(40)
            raise DecoderError(f"wrote {found!r}, wanted an Arrow IPC stream", _STDOUT_HINT)
        head = self._process.peek(_HEAD) if begin == _MARK else b""
        size = int.from_bytes(head[len(_MARK) :], "little")
        if size > SPARE and len(head) == _HEAD:
            what = f"announced {size} bytes of metadata, wanted at most {SPARE}"
            raise DecoderError(what, _STDOUT_HINT)

    def _check_schema(self) -> None:
        wrong = check_schema(self._reader.schema)
        if wrong:
            raise DecoderError(wrong, "docs/exec.md has the columns", final=True)

    def _flush(self) -> None:
        try:
            self._process.flush()
        except TimeoutError:
            raise self._late("answered, and did not read the frames", "stdin") from None

    def _late(self, what: str, pipe: str) -> DecoderError:
        """The deadline has passed; it may be gone, and a program that it started not."""
        status = self._process.exit_status()
        if status:
            return DecoderError(
                f"{what} within {self._timeout:g} s: it ended with {status}, and something that "
                f"it started holds its {pipe} open",
                "let it end what it has started",
            )
        return DecoderError(
            f"{what} within {self._timeout:g} s",
            "let it flush its stdout after each batch, raise timeout= or lower batch=",
        )

    def _early_end(self) -> DecoderError:
        """Its stdout is closed: find out what became of the program."""
        self._process.deadline = time.monotonic() + _GRACE
        status = self._process.exit_status()
        if status.startswith("signal"):
            return DecoderError(f"was ended by {status}", "mend the program")
        if status and status != "exit code 0":
            return DecoderError(f"died with {status}", "mend the program")
        return DecoderError(
            f"ended its answers with {status}" if status else "closed its stdout",
            "let it answer every batch until its stdin ends",
        )


class _Outbox:
    """What Arrow writes, kept until it is sent."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """There is nothing behind it."""

    def close(self) -> None:
        """It owns nothing."""

    def take(self) -> bytes:
        """What has been written since the last time."""
        data = b"".join(self._parts)
        self._parts.clear()
        return data


class _Inbox:
    """Where Arrow reads from.

    Attributes:
        limit: Bytes that may be read at once: the body of a message is.
        fell_short: The stream ended where more was wanted.
    """

    closed = False

    def __init__(self, process: Process) -> None:
        self._process = process
        self.limit = SPARE
        self.fell_short = False

    def read(self, size: int) -> bytearray:
        if size > self.limit:
            what = f"announced {size} bytes of answers, wanted at most {self.limit}"
            raise DecoderError(what, "docs/exec.md has the limits")
        data = self._process.read(size)
        self.fell_short = len(data) < size
        return data

    def close(self) -> None:
        """The process is its owner's."""
