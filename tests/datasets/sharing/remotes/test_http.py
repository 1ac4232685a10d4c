from __future__ import annotations

import base64
import contextlib
import http.server
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wtrec.datasets.sharing.pull import pull
from wtrec.datasets.sharing.remote import RemoteError
from wtrec.datasets.sharing.remote_folder import Folder
from wtrec.datasets.sharing.remotes import open_remote
from wtrec.datasets.sharing.store import Store
from wtrec.datasets.sharing.verify import verify
from wtrec.errors import DatasetError


@pytest.fixture
def site(made: Path, tmp_path: Path) -> Path:
    """A store with a dataset."""
    (tmp_path / "site").mkdir()
    Store(Folder(tmp_path / "site")).push(made)
    return tmp_path / "site"


@pytest.fixture
def plain(site: Path) -> Iterator[str]:
    """A web server that takes no ranges."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *words: Any) -> None:
            super().__init__(*words, directory=str(site))

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_web_server_shows_what_was_pushed(web: Any, site: Path, tmp_path: Path) -> None:
    """By its catalogue; nobody pushes there."""
    with contextlib.closing(web(site).open()) as remote:
        store = Store(remote)
        assert store.versions("short") == ["1"]
        assert store.versions("other") == []
        assert [each.title for each in store.entries()] == ["Two short runs"]
        pull(store, "short", "1", tmp_path / "got")
        with pytest.raises(DatasetError, match="read-only"):
            store.push(tmp_path / "got")
        with pytest.raises(DatasetError, match="no short 2; versions there: 1"):
            pull(store, "short", "2", tmp_path / "other")


def test_a_file_goes_on_without_ranges_too(plain: str) -> None:
    """What is here is skipped."""
    with contextlib.closing(open_remote(plain)) as remote:
        whole: list[bytes] = []
        remote.read("index.html", whole.append)
        for start in (1, 1000, len(b"".join(whole)) - 1):
            found: list[bytes] = []
            remote.read("index.html", found.append, start)
            assert b"".join(found) == b"".join(whole)[start:]
        assert remote.size("index.html") == len(b"".join(whole))
        assert remote.size("nothing") is None


def test_without_wtrec_a_dataset_is_fetched_as_the_page_says(
    plain: str, site: Path, made: Path, tmp_path: Path
) -> None:
    """The commands on the page, as they stand there, for this place and this dataset."""
    page = (site / "index.html").read_text()
    commands = page.partition("<pre>")[2].partition("</pre>")[0].partition("# without")[2]
    script = commands.partition("\n")[2].replace("&amp;", "&").replace("URL", plain)
    script = script.replace("NAME", "short").replace("VERSION", "1")
    subprocess.run(["sh", "-ec", script], cwd=tmp_path, check=True, capture_output=True)
    verdict = verify(tmp_path / "short")
    assert verdict.is_sound
    assert verdict.digest == verify(made).digest


def test_what_cannot_be_reached_is_one_line(web: Any, tmp_path: Path) -> None:
    """No catalogue, no server."""
    (tmp_path / "empty").mkdir()
    place = web(tmp_path / "empty")
    with contextlib.closing(place.open()) as remote:
        with pytest.raises(DatasetError, match="no dataset was pushed") as caught:
            Store(remote).versions("short")
        assert "\n" not in str(caught.value)
        place.cutter.cut_after(0)
        with pytest.raises(RemoteError, match="goes on where it was"):
            remote.size("x")


@pytest.fixture
def two_sites() -> Iterator[tuple[str, list[str | None]]]:
    """A server that sends everybody to another one; which keeps what names and passwords come."""
    seen: list[str | None] = []

    class Quiet(http.server.BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
            pass

    class Other(Quiet):
        def do_GET(self) -> None:
            seen.append(self.headers["Authorization"])
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"[]" if self.command == "GET" else b"")

        do_HEAD = do_GET  # noqa: N815 - its name

    class First(Quiet):
        def do_GET(self) -> None:
            seen.append(self.headers["Authorization"])
            moved = self.path.startswith("/here/")
            host = f"127.0.0.1:{self.server.server_port}" if moved else f"localhost:{port}"  # type: ignore[attr-defined]
            self.send_response(302)
            self.send_header("Location", f"http://{host}/there/x")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET  # noqa: N815 - its name

    with contextlib.ExitStack() as stack:
        ports = []
        for handler in (Other, First):
            server = stack.enter_context(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
            threading.Thread(target=server.serve_forever).start()
            stack.callback(server.shutdown)
            ports.append(server.server_port)
        port = ports[0]
        yield f"http://ada@127.0.0.1:{ports[1]}", seen


def test_a_password_goes_to_the_server_that_was_named(
    two_sites: tuple[str, list[str | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also to another page of it; to no server that it redirects to."""
    url, seen = two_sites
    monkeypatch.setenv("WTREC_PASSWORD", "geheim")
    with contextlib.closing(open_remote(url)) as remote:
        found: list[bytes] = []
        remote.read("catalogue.json", found.append)
        assert b"".join(found) == b"[]"
        assert remote.size("x") == 2
        remote.read("here/x", found.append)
    basic = "Basic " + base64.b64encode(b"ada:geheim").decode()
    assert seen == [basic, None, basic, None, basic, basic, None]


@pytest.mark.parametrize("host", ["192.0.2.1", "lab.example.org", "[2001:db8::1]"])
def test_no_password_goes_over_a_network_in_the_clear(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """It is refused before anything is sent; without one, or by https, it is not."""
    monkeypatch.setenv("WTREC_PASSWORD", "geheim")
    with pytest.raises(RemoteError, match="use https") as caught:
        open_remote(f"http://ada@{host}/x")
    assert "geheim" not in str(caught.value)
    for url in (f"https://ada@{host}/x", f"http://{host}/x", "http://ada@[::1]:1/x"):
        open_remote(url).close()
