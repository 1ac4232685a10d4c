"""Names of files in a dataset: such that every system can have them, and none leads elsewhere.

A path in a bag comes from whoever made the bag. One that is absolute, climbs out with ``..``, names
a device of Windows, hides control characters, or is told from another only by case or by the
way its accents are written, is refused before any file of that name is opened or made.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

MOST_BYTES = 200  # of one name in UTF-8; file systems take 255, temporary names need some
MOST_PARTS = 8
MOST_PIECES = 10_000  # of one file
_LEAST_DIGITS = 3
_PUNCTUATION = frozenset(" ._-+=,@#()[]")
_VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,2}")
_DEVICE = re.compile(r"(con|prn|aux|nul|clock\$|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a file everywhere.

    Raises:
        ValueError: With the reason.
    """
    if not name:
        raise ValueError("an empty name")
    if name in {".", ".."}:
        raise ValueError(f"{name!r} leads out of its folder")
    wrong = next((c for c in name if not (c.isalnum() or c in _PUNCTUATION or _is_mark(c))), None)
    if wrong is not None:
        raise ValueError(f"{wrong!a} in a name; letters, digits and ' ._-+=,@#()[]' may be")
    if name[0] in " .-" or name[-1] in " .":
        raise ValueError("a name that begins with ' ', '.' or '-', or ends with ' ' or '.'")
    if len(name.encode()) > MOST_BYTES:
        raise ValueError(f"a name of more than {MOST_BYTES} bytes")
    if unicodedata.normalize("NFC", name) != name:
        raise ValueError("a name that is not in Unicode's normal form C")
    if _DEVICE.fullmatch(name):
        raise ValueError("the name of a device on Windows")


def is_name(name: str) -> bool:
    """Whether it can be the name of a file everywhere."""
    try:
        check_name(name)
    except ValueError:
        return False
    return True


def is_version(text: str) -> bool:
    """Whether a text is a version: 1, 1.2 or 1.2.3."""
    return _VERSION.fullmatch(text) is not None


def check_path(path: str) -> None:
    """Refuse what is no relative path of such names with ``/`` between.

    Raises:
        ValueError: With the reason.
    """
    if path.startswith("/"):
        raise ValueError("an absolute path")
    parts = path.split("/")
    if len(parts) > MOST_PARTS:
        raise ValueError(f"a path of more than {MOST_PARTS} parts")
    for part in parts:
        check_name(part)


def part_names(name: str, size: int, part_bytes: int) -> list[str]:
    """What the parts of a file are called, in their order; none if it is not split.

    Args:
        name: Of the file, or its path.
        size: Its bytes.
        part_bytes: Most bytes of one part.

    Raises:
        ValueError: There would be too many.
    """
    if size <= part_bytes:
        return []
    count = -(-size // part_bytes)
    if count > MOST_PIECES:
        raise ValueError(
            f"{count:,} parts of {part_bytes:,} bytes, wanted {MOST_PIECES:,} at most: make them "
            "larger (--part-size)"
        )
    digits = max(_LEAST_DIGITS, len(str(count)))
    return [f"{name}.part{number:0{digits}d}" for number in range(1, count + 1)]


def fold(path: str) -> str:
    """What paths have in common that some file systems take for the same."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", path).casefold())


def unique(wanted: str, taken: set[str]) -> str:
    """A name that none of these is, on no file system; folded, it is one of them then."""
    name, number = wanted, 1
    while fold(name) in taken:
        number += 1
        name = f"{wanted}-{number}"
    taken.add(fold(name))
    return name


def clashes(paths: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of paths that some file systems take for the same, and files that are folders, too."""
    seen: dict[str, str] = {}
    found = []
    for path in paths:
        other = seen.setdefault(fold(path), path)
        if other != path:
            found.append((other, path))
    for folded, path in seen.items():
        above = (folded[:at] for at, c in enumerate(folded) if c == "/")
        found += [(seen[folder], path) for folder in above if folder in seen]
    return found


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in {"Mn", "Mc"}
