"""Passwords: from the environment or the user's keyring, never from a file of ours."""

from __future__ import annotations

import os
from urllib.parse import SplitResult

VARIABLE = "WTREC_PASSWORD"


def password(parts: SplitResult) -> str | None:
    """The password of the user whom a URL names, if there is one.

    ``WTREC_PASSWORD`` comes first; then the keyring's for the service ``SCHEME://HOST[:PORT]``, as
    ``keyring set sftp://lab.example.org ada`` puts it there.
    """
    if not parts.username:
        return None
    if found := os.environ.get(VARIABLE):
        return found
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        return None
    try:
        return keyring.get_password(
            f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", parts.username
        )
    except KeyringError:  # locked, or none on this machine: keys may do
        return None
