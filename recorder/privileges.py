"""Giving up root: what is left after the socket is open has no right that its user has not.

Only opening the packet socket (and tuning the card) takes privileges; parsing a filter, compiling
kernels and writing files do not. The order matters: the bounding set and the groups can only be
changed while we are root, and capabilities of a process that stays root have to be taken away by
name. In the end nobody gets them back: not by set-user-ID programs (no_new_privs), not by running
another program as root (the bounding set is empty).

Source: capabilities(7), prctl(2), capset(2), credentials(7).
"""

from __future__ import annotations

import ctypes
import os
import pwd
import re
import struct
from dataclasses import dataclass
from pathlib import Path

from ..errors import CaptureError

_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 24, 38, 47, 4
_CAPABILITY_VERSION = 0x20080522  # _LINUX_CAPABILITY_VERSION_3
_NO_CAPABILITIES = struct.pack("=6I", 0, 0, 0, 0, 0, 0)  # effective, permitted, inheritable, twice


@dataclass(frozen=True, slots=True)
class User:
    """Somebody whom the process can become.

    Attributes:
        name: For messages.
        uid: User.
        gid: Its main group.
        home: Its home folder: where its caches are.
    """

    name: str
    uid: int
    gid: int
    home: str


def user_named(name: str) -> User:
    """A user by its name or number.

    Raises:
        CaptureError: There is none.
    """
    try:
        found = pwd.getpwuid(int(name)) if name.isascii() and name.isdigit() else pwd.getpwnam(name)
    except (KeyError, OverflowError) as error:
        raise CaptureError(f"{name}: no such user; name one with -Z") from error
    return User(found.pw_name, found.pw_uid, found.pw_gid, found.pw_dir)


def sudo_user() -> User | None:
    """Who ran us with sudo; None if nobody did, or if we are not root."""
    number = os.environ.get("SUDO_UID", "")
    return user_named(number) if os.geteuid() == 0 and number not in {"", "0"} else None


def drop(user: User | None, *, alone: bool = True) -> None:
    """Become ``user``, or stay who we are, without capabilities; there is no way back.

    Capabilities are a thread's own, so there may be no other thread yet, but where it is known
    that there are some that libraries started. These become ``user``, too, and so lose theirs; if
    we stay who we are, they keep them.

    Args:
        user: Whom to become; None: nobody else.
        alone: Refuse if there are other threads.

    Raises:
        CaptureError: There is one, we may not become that user, or a right is left.
    """
    threads = sum(1 for _ in Path("/proc/self/task").iterdir())
    if alone and threads > 1:
        raise CaptureError(
            f"there are {threads} threads, and capabilities can be given up only by each for "
            "itself: drop privileges before others are started"
        )
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in range(64):  # those that do not exist, or that we may not drop, are refused
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    if user is not None and user.uid != os.geteuid():
        try:
            os.initgroups(user.name, user.gid)
            os.setresgid(user.gid, user.gid, user.gid)
            os.setresuid(user.uid, user.uid, user.uid)
        except PermissionError as error:
            raise CaptureError(f"-Z {user.name}: only root can become another user") from error
        except OSError as error:  # EINVAL: a number that a user namespace does not map
            raise CaptureError(
                f"-Z {user.name}: {error.strerror}; name a user that there is in this container"
            ) from error
        os.environ |= {"HOME": user.home, "USER": user.name, "LOGNAME": user.name}
    libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    header = struct.pack("=Ii", _CAPABILITY_VERSION, 0)
    libc.capset(header, _NO_CAPABILITIES)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if left := capabilities_held():
        raise CaptureError(f"capabilities are left after they were given up: {', '.join(left)}")


def capabilities_held() -> list[str]:
    """Sets of capabilities of this thread that are not empty, as /proc names them."""
    # bytes: the user that we are may not be able to read the module of a codec
    status = Path("/proc/thread-self/status").read_bytes()
    sets = re.findall(rb"^(Cap(?:Inh|Prm|Eff|Amb)):\s*([0-9a-f]+)$", status, re.MULTILINE)
    return [f"{name.decode()} {value.decode()}" for name, value in sets if int(value, 16)]
