"""Which places a user has named, and how a place is reached by its URL.

```toml
# $XDG_CONFIG_HOME/wtrec/config.toml, which is ~/.config/wtrec/config.toml
[remotes]
lab = "sftp://ada@lab.example.org/srv/datasets"
```

No secret is ever in there: a URL with a password is refused.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from ...errors import DatasetError, FormatError
from ..files import atomic_write
from .remote import Remote
from .remote_folder import Folder

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_WANTED = "a folder, sftp://, s3://, http:// or https://"
_OF_S3 = {"endpoint", "profile"}
_MOST = 1 << 20


def config_file() -> Path:
    """Where names are kept."""
    folder = os.environ.get("XDG_CONFIG_HOME", "")
    base = Path(folder) if folder.startswith("/") else Path.home() / ".config"
    return base / "wtrec" / "config.toml"


def named() -> dict[str, str]:
    """The URL of each name.

    Raises:
        FormatError: The file is not what it should be.
    """
    path = config_file()
    try:
        text = path.read_text(encoding="utf-8")
        value = tomllib.loads(text)
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as error:
        raise FormatError(f"no TOML ({error})", path=str(path)) from None
    remotes = value.get("remotes", {})
    if not isinstance(remotes, dict) or not all(isinstance(url, str) for url in remotes.values()):
        raise FormatError('[remotes]: wanted NAME = "URL", a line each', path=str(path))
    return remotes


def add(name: str, url: str) -> str:
    """Give a place a name.

    Returns:
        The URL as it is kept: of a folder, its whole path.

    Raises:
        DatasetError: No such name or URL can be, or the name is taken.
    """
    if not _NAME.fullmatch(name):
        raise DatasetError(f"{name!a}: wanted a name of letters, digits and '._-'")
    if "://" in url:
        check_url(url)
    else:
        url = str(Path(url).expanduser().absolute())
    with _editing() as remotes:
        if remotes.setdefault(name, url) != url:
            raise DatasetError(
                f"{name} is {remotes[name]}: wtrec dataset remote remove {name} first"
            )
    return url


def remove(name: str) -> None:
    """Forget a name; what is there stays.

    Raises:
        DatasetError: There is none.
    """
    with _editing() as remotes:
        if name not in remotes:
            raise DatasetError(f"no remote {name}; {_known(remotes)}")
        del remotes[name]


@contextlib.contextmanager
def _editing() -> Iterator[dict[str, str]]:
    """The table of names, to be changed; all else in the file stays, comments, too."""
    import tomlkit

    path = config_file()
    named()  # says what is wrong with the file
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        document = tomlkit.parse(text)
        yield document.setdefault("remotes", tomlkit.table())
        changed = tomlkit.dumps(document)
        if changed != text:
            atomic_write(path, changed.encode())
    finally:
        os.close(handle)


def check_url(url: str) -> SplitResult:
    """The parts of a URL that may be that of a remote.

    Raises:
        DatasetError: It is none, or holds a secret.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise DatasetError(f"{url.rpartition('@')[2][:80]!a}: no URL ({error})") from None
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    if parts.password is not None:
        raise DatasetError(
            f"{shown}: no password in a URL, which others can read; use ssh-agent, keyring or "
            f"WTREC_PASSWORD: see docs/remotes.md"
        )
    if parts.scheme not in {"sftp", "ssh", "s3", "http", "https", "file"}:
        raise DatasetError(f"{shown}: no such kind of remote; wanted {_WANTED}")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    allowed = _OF_S3 if parts.scheme == "s3" else set()
    if unknown := sorted(options.keys() - allowed):
        raise DatasetError(
            f"{shown}: {', '.join(unknown)}: not in the URL of a remote; secrets of S3 are in the "
            "environment or ~/.aws, options of SSH in ~/.ssh/config"
        )
    if parts.fragment or port == 0 or not (parts.hostname or parts.scheme == "file"):
        raise DatasetError(f"{shown}: no URL of a remote; wanted {_WANTED}")
    if parts.scheme == "s3":
        endpoint = options.get("endpoint", "")
        if "@" in endpoint or (endpoint and urlsplit(endpoint).scheme not in {"http", "https"}):
            raise DatasetError(f"{shown}: endpoint: wanted http(s)://HOST[:PORT], no user")
    return parts


def url_of(word: str) -> str:
    """What a word on the command line means: a URL, a name, or a folder.

    Raises:
        DatasetError: None of them.
    """
    if "://" in word or "/" in word or word in {".", ".."}:
        return word
    known = named()
    if word in known:
        return known[word]
    if Path(word).is_dir():
        return word
    raise DatasetError(f"{word}: neither the name of a remote nor a folder; {_known(known)}")


def is_named(word: str) -> bool:
    """Whether a word is a URL or the name of a remote."""
    return "://" in word or ("/" not in word and word in named())


def open_remote(word: str) -> Remote:
    """Reach a place.

    Args:
        word: A URL, a name, or a folder.

    Raises:
        DatasetError: It is none of them, or cannot be reached.
    """
    url = url_of(word)
    if "://" not in url:
        return _folder(Path(url))
    parts = check_url(url)
    path = unquote(parts.path)
    if parts.scheme == "file":
        return _folder(Path(path))
    if parts.scheme in {"sftp", "ssh"}:
        from .credentials import password
        from .remote_sftp import Sftp

        return Sftp(
            parts.hostname or "",
            path or "/~/",
            user=parts.username,
            port=parts.port,
            password=password(parts),
        )
    if parts.scheme == "s3":
        from .remote_s3 import S3

        return S3(parts.netloc, path.strip("/"), **dict(parse_qsl(parts.query)))
    from .credentials import password
    from .remote_http import Http

    return Http(url, user=parts.username, password=password(parts))


def _folder(path: Path) -> Folder:
    if not path.is_dir():
        raise DatasetError(f"{path} is not there: mount it, or make it with push --init")
    return Folder(path)


def _known(remotes: dict[str, str]) -> str:
    return f"remotes: {', '.join(sorted(remotes)) or 'none'} (wtrec dataset remote list)"
