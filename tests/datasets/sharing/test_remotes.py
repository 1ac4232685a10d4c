from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from wtrec.datasets.sharing import credentials, remotes
from wtrec.errors import DatasetError, FormatError


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The config file of a user of its own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "config" / "wtrec" / "config.toml"


class TestNames:
    """Names for places."""

    def test_names_are_kept_and_all_else_in_the_file_stays(self, config: Path) -> None:
        """Comments, too."""
        config.parent.mkdir(parents=True)
        config.write_text('# mine\n[other]\nx = 1  # one\n\n[remotes]\nold = "s3://b"  # here\n')
        remotes.add("lab", "sftp://ada@lab/srv")
        remotes.add("lab", "sftp://ada@lab/srv")
        assert remotes.named() == {"old": "s3://b", "lab": "sftp://ada@lab/srv"}
        with pytest.raises(DatasetError, match=r"remote remove lab first"):
            remotes.add("lab", "sftp://other/srv")
        remotes.remove("lab")
        assert "# mine\n[other]\nx = 1  # one" in config.read_text()
        assert "# here" in config.read_text()
        with pytest.raises(DatasetError, match="no remote lab; remotes: old"):
            remotes.remove("lab")

    def test_a_folder_is_kept_by_its_whole_path(self, tmp_path: Path) -> None:
        """So it means the same everywhere."""
        assert remotes.add("disk", "here") == str(tmp_path / "here")

    def test_a_word_is_a_name_before_it_is_a_folder(self, tmp_path: Path) -> None:
        """./WORD is the folder."""
        (tmp_path / "lab").mkdir()
        assert remotes.url_of("lab") == "lab"
        remotes.add("lab", "https://lab.example.org/d")
        assert remotes.url_of("lab") == "https://lab.example.org/d"
        assert remotes.url_of("./lab") == "./lab"
        with pytest.raises(DatasetError, match="neither the name of a remote nor a folder"):
            remotes.url_of("nothing")

    @pytest.mark.parametrize("text", ["x", "remotes = 3", "[remotes]\nx = 3", "\xff"])
    def test_a_file_that_is_none_is_one_line(self, config: Path, text: str) -> None:
        """It is not overwritten either."""
        config.parent.mkdir(parents=True)
        config.write_text(text, encoding="latin-1")
        with pytest.raises(FormatError, match=r"config\.toml"):
            remotes.add("lab", "s3://b")
        assert config.read_text(encoding="latin-1") == text


class TestUrls:
    """What may be a URL."""

    @pytest.mark.parametrize(
        "url",
        [
            "sftp://ada:geheim@lab/srv",
            "https://ada:geheim@lab",
            "https://lab/?token=geheim",
            "https://lab/#geheim",
            "s3://b/p?secret=geheim",
            "s3://b?endpoint=http://u:geheim@host",
            "ftp://geheim@lab",
            "sftp:///srv",
            "sftp://ada:geheim@lab:x/",
        ],
    )
    def test_a_secret_is_neither_kept_nor_shown(self, url: str, config: Path) -> None:
        """Nor is what is no URL of a remote."""
        for action in (lambda: remotes.add("x", url), lambda: remotes.open_remote(url)):
            with pytest.raises(DatasetError) as caught:
                action()
            assert "geheim" not in str(caught.value)
        assert not config.exists()

    def test_a_password_comes_from_the_environment_or_the_keyring(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And only for a user whom the URL names."""
        import keyring

        asked = []

        def get(service: str, user: str) -> str:
            asked.append((service, user))
            return "kept"

        monkeypatch.setattr(keyring, "get_password", get)
        monkeypatch.delenv(credentials.VARIABLE, raising=False)
        parts = remotes.check_url("sftp://ada@lab:22/srv")
        assert credentials.password(parts) == "kept"
        assert asked == [("sftp://lab:22", "ada")]
        monkeypatch.setenv(credentials.VARIABLE, "said")
        assert credentials.password(parts) == "said"
        assert credentials.password(remotes.check_url("sftp://lab/srv")) is None


@pytest.mark.parametrize(
    ("url", "module"),
    [("sftp://lab/srv", "asyncssh"), ("s3://b", "s3fs"), ("http://lab", "aiohttp")],
)
def test_without_the_extra_the_next_step_is_said(url: str, module: str) -> None:
    """One line; a folder needs none of it."""
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({[module]}))\n"
        "from wtrec.datasets.sharing.remotes import open_remote\n"
        "open_remote('.')\n"
        f"try: open_remote({json.dumps(url)})\n"
        "except Exception as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (
        f"{module} is not installed, which this remote needs: pip install 'wtrec[remote]'"
    )
