"""Real servers on loopback (sshd, S3, nginx), and a proxy that cuts connections to them."""

from __future__ import annotations

import contextlib
import functools
import getpass
import os
import selectors
import shutil
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from wtrec.cli.main import wtrec
from wtrec.datasets.sharing.create import create
from wtrec.datasets.sharing.remote import Remote
from wtrec.datasets.sharing.remotes import open_remote

# Kernels are compiled once, not in each home that a test makes.
os.environ.setdefault("XDG_CACHE_HOME", str(Path.home() / ".cache"))
METADATA = {"title": "A longer run", "authors": [{"name": "Ada"}], "licence": "CC0-1.0"}


class Cutter:
    """A TCP proxy that closes all connections after a number of bytes, and takes no more then."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.passed = 0
        self._left: int | None = None
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_after(self, count: int | None) -> None:
        """Begin to count; None: let everything pass again."""
        self.passed = 0
        self._left = count

    def close(self) -> None:
        """End."""
        self._listener.close()
        self._cut()

    def _cut(self) -> None:
        for pair in self._pairs:
            for each in pair:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        self._pairs.clear()

    def _is_cut(self) -> bool:
        return self._left is not None and self.passed >= self._left

    def _most(self) -> int:
        """Bytes to take at once: few where a cut is near, so that it is where it should be."""
        near = self._left is not None and self._left - self.passed < 1 << 18
        return 4 << 10 if near else 1 << 16

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._is_cut():
                client.close()
                continue
            server = socket.create_connection(self._upstream)
            for each in (client, server):  # the small packets of both ends go at once
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._pairs.append((client, server))
            threading.Thread(target=self._pass, args=(client, server), daemon=True).start()

    def _pass(self, client: socket.socket, server: socket.socket) -> None:
        with selectors.DefaultSelector() as ready, client, server, contextlib.suppress(OSError):
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in ready.select():
                    source, target = key.fileobj, key.data
                    assert isinstance(source, socket.socket)
                    chunk = source.recv(self._most())
                    self.passed += len(chunk)
                    if not chunk or self._is_cut():
                        if chunk:
                            self._cut()
                        return
                    target.sendall(chunk)


@dataclass
class Place:
    """A remote behind a proxy."""

    url: str
    cutter: Cutter | None

    def open(self) -> Remote:
        """Reach it."""
        return open_remote(self.url)


@dataclass
class Sshd:
    """A server of its own, and who may enter."""

    port: int
    host_key: str
    keys: Path

    def home(self, home: Path, *, port: int | None = None, key: bool = True) -> Path:
        """A home that knows the server as ``lab``."""
        folder = home / ".ssh"
        folder.mkdir(parents=True, mode=0o700)
        if key:
            shutil.copy(self.keys / "user", folder / "id_ed25519")
        (folder / "known_hosts").write_text(f"lab-key {self.host_key}\n")
        (folder / "config").write_text(
            f"Host lab\n  HostName 127.0.0.1\n  Port {port or self.port}\n"
            f"  User {getpass.getuser()}\n  HostKeyAlias lab-key\n"
        )
        return home


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def wait_for(port: int) -> None:
    """Until somebody listens there."""
    for _ in range(500):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.01)
    pytest.fail(f"nothing listens at {port}")


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """An SSH server with a host key and one authorised key of its own."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("no sshd: apt-get install openssh-server")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    keys = tmp_path_factory.mktemp("sshd")
    for name in ("host", "user"):
        words = ("-q", "-t", "ed25519", "-N", "", "-C", name, "-f", keys / name)
        subprocess.run(["ssh-keygen", *words], check=True)
    port = free_port()
    (keys / "config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {keys}/host\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {keys}/user.pub\nStrictModes no\nPasswordAuthentication no\n"
        "PermitRootLogin yes\nSubsystem sftp internal-sftp\nMaxStartups 100\n"
    )
    server = subprocess.Popen(
        [program, "-D", "-e", "-f", keys / "config"], stderr=subprocess.DEVNULL
    )
    try:
        wait_for(port)
        host_key = " ".join((keys / "host.pub").read_text().split()[:2])
        yield Sshd(port, host_key, keys)
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    """A server that speaks S3."""
    server_module = pytest.importorskip("moto.server", reason="no moto: pip install 'moto[s3]'")
    from botocore.loaders import create_loader
    from moto.backends import list_of_moto_modules

    port = free_port()
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        # What botocore knows of all services is read once, and not by each client; nor does the
        # server look for its services' folders at each request.
        patch.setattr("botocore.session.create_loader", functools.cache(create_loader))
        services = tuple(list_of_moto_modules())
        patch.setattr("moto.backends.list_of_moto_modules", lambda: services)
        yield port
    server.stop()


@pytest.fixture
def ssh_place(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Place]]:
    """Makes a folder behind SSH, and us a user of it."""
    cutter = Cutter(("127.0.0.1", sshd.port))
    monkeypatch.setenv("HOME", str(sshd.home(tmp_path / "home", port=cutter.port)))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)

    def make(folder: Path | None = None) -> Place:
        folder = folder or tmp_path / "there"
        folder.mkdir(exist_ok=True)
        return Place(f"sftp://lab{folder}", cutter)

    yield make
    cutter.close()


@pytest.fixture
def s3_place(s3_port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Place]]:
    """Makes a bucket."""
    from botocore.session import Session

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    cutter = Cutter(("127.0.0.1", s3_port))

    def make() -> Place:
        bucket = f"b{uuid.uuid4().hex}"
        client: Any = Session().create_client("s3", endpoint_url=f"http://127.0.0.1:{s3_port}")
        client.create_bucket(Bucket=bucket)
        client.close()
        return Place(f"s3://{bucket}/team?endpoint=http://127.0.0.1:{cutter.port}", cutter)

    yield make
    cutter.close()


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place of the kind that the test names."""
    kind = request.param
    if kind == "folder":
        (tmp_path / "there").mkdir()
        return Place(str(tmp_path / "there"), None)
    made: Place = request.getfixturevalue(f"{kind}_place")()
    return made


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Callable[[Path], Place]]:
    """Lets nginx show a folder."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("no nginx: apt-get install nginx-light")
    with contextlib.ExitStack() as stack:

        def serve(folder: Path) -> Place:
            port = free_port()
            work = tmp_path / "nginx"
            work.mkdir()
            paths = "".join(
                f"{name}_temp_path {work}/{name};"
                for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
            )
            (work / "conf").write_text(
                f"pid {work}/pid; error_log {work}/log; daemon off; master_process off;\n"
                "events {}\n"
                f"http {{ access_log off; {paths} default_type application/octet-stream;\n"
                f"types {{ text/html html; application/json json; }}\n"
                f"server {{ listen 127.0.0.1:{port}; root {folder}; }} }}\n"
            )
            server = subprocess.Popen(
                [program, "-c", work / "conf", "-p", work, "-e", work / "log"]
            )
            stack.callback(server.wait)
            stack.callback(server.terminate)
            wait_for(port)
            cutter = Cutter(("127.0.0.1", port))
            stack.callback(cutter.close)
            return Place(f"http://127.0.0.1:{cutter.port}", cutter)

        yield serve


@pytest.fixture(scope="session")
def long_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture of some 200 KB."""
    folder = tmp_path_factory.mktemp("long")
    words = ("--rate", 54, "--snr", 18, "--frames", 120, "--length", 1500, "--seed", 5)
    made = CliRunner().invoke(
        wtrec, ["simulate", "-w", str(folder / "long.pcapng"), *map(str, words)]
    )
    assert made.exit_code == 0, made.output
    return folder / "long.pcapng"


@pytest.fixture(scope="session")
def long(long_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of it, of several files that take several chunks; not to be changed."""
    target = tmp_path_factory.mktemp("made") / "long-1"
    create(target, [long_run], name="long", version="1", metadata=METADATA, part_bytes=50_000)
    return target
