"""The key of an anonymisation: whoever has it can say again what became of what.

Without a file it is random and gone when the program ends. In a file it is 64 hex digits that only
the owner may read; once that is destroyed, nobody can link new data to old any more.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from ...errors import DatasetError
from ..files import sync_folder

LENGTH = 32
_MODE = 0o600
_TEXT = re.compile(rb"([0-9a-f]{64})\n?")


class Key:
    """A secret, and the pseudo-random bytes that follow from it.

    Args:
        secret: ``LENGTH`` bytes.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) != LENGTH:
            raise ValueError(f"a key of {len(secret)} bytes, wanted {LENGTH}")
        self._secret = secret

    @classmethod
    def random(cls) -> Key:
        """A new one, which stands nowhere."""
        return cls(secrets.token_bytes(LENGTH))

    def derive(self, purpose: str) -> bytes:
        """A key for one purpose; those for several say nothing of each other."""
        return hashlib.blake2b(purpose.encode(), key=self._secret, digest_size=LENGTH).digest()


class Stream:
    """Pseudo-random bytes in the place of others: the same content gives the same again.

    Args:
        key: The key.
        purpose: What is replaced; the same content is another elsewhere.
    """

    def __init__(self, key: Key, purpose: str) -> None:
        self._key = key.derive(purpose)

    def replace(self, content: bytes) -> bytes:
        """As many bytes as ``content`` has, which only the key links to it."""
        seed = hashlib.blake2b(content, key=self._key, digest_size=LENGTH).digest()
        return hashlib.shake_128(seed).digest(len(content))


def key_file(path: Path) -> Key:
    """The key in a file; a new one is made if there is no such file.

    Raises:
        DatasetError: Others may read it, or it holds no key.
        OSError: It cannot be read or made.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    except FileExistsError:
        return _read(path)
    key = secrets.token_bytes(LENGTH)
    with os.fdopen(handle, "wb") as file:
        file.write(key.hex().encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return Key(key)


def destroy(path: Path) -> None:
    """Overwrite a key file, and remove it.

    What a disk or file system keeps of overwritten blocks (flash, snapshots, copies on write), and
    copies elsewhere, nobody can reach from here.

    Raises:
        DatasetError: It is no key, others may use it, it is a link, or it has another name, too.
        OSError: It cannot be read or written.
    """
    handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(handle, "r+b", buffering=0) as file:
        _check(file, path)
        status = os.fstat(file.fileno())
        if status.st_nlink > 1:
            raise DatasetError(f"{path}: it has {status.st_nlink} names: remove the others first")
        file.seek(0)
        file.write(bytes(status.st_size))
        os.fsync(file.fileno())
        path.unlink()
    sync_folder(path.parent)


def _read(path: Path) -> Key:
    with path.open("rb") as file:
        return _check(file, path)


def _check(file: BinaryIO | FileIO, path: Path) -> Key:
    """The key in an open file."""
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise DatasetError(f"{path}: not a regular file, wanted a key")
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        mode = stat.S_IMODE(status.st_mode)
        raise DatasetError(f"{path}: others may use this key (mode {mode:o}); chmod 600 it")
    match = _TEXT.fullmatch(file.read(2 * LENGTH + 2))
    if match is None:
        raise DatasetError(f"{path}: no key: wanted 64 hex digits")
    return Key(bytes.fromhex(match[1].decode()))
