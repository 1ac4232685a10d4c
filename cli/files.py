"""What the commands share that make new captures: names, and files that must stay as they are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from ..errors import CaptureError

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
NEW_FILE = click.Path(dir_okay=False, path_type=Path)


def check_new(written: Iterable[Path], read: Iterable[Path], *, force: bool) -> None:
    """Refuse, before anything is read, files that are read, or are there and may not go.

    Args:
        written: Files that will be made or replaced.
        read: Files that must stay.
        force: What is there may be replaced.

    Raises:
        click.UsageError: A file would be read and written.
        CaptureError: A file is there.
    """
    kept = [path for path in read if path.exists()]
    for path in written:
        if not path.exists():
            continue
        if any(path.samefile(other) for other in kept):
            raise click.UsageError(f"{path} would be read and written: name another with -o")
        if not force:
            raise CaptureError(
                f"{path} exists; name another file with -o, or overwrite it with --force"
            )
