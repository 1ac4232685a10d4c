from __future__ import annotations

from wtrec.datasets.anonymize.naming import FileNames


def _replace(text: str) -> str:
    return text.replace("home", "abcd").replace("crc", "xyz")


def test_all_files_of_a_run_begin_with_one_new_name() -> None:
    """And what stands behind it stays, even if it is a name of a network."""
    names = FileNames(["home.pcapng.gz"], _replace)
    assert names.of_capture("home.pcapng.gz") == "abcd.pcapng.gz"
    for behind in (".json", ".tx.parquet", ".masks.parquet", ".crc-flip.parquet"):
        assert names.of(f"home{behind}") == f"abcd{behind}"
    assert names.of("crc.txt") == "xyz.txt"
    assert names.run_id == "abcd"


def test_files_of_a_ring_stay_one_run_at_other_times() -> None:
    """The stamp moves, the number stays; what the run has once has no stamp."""
    captures = ["home_00001_20260101120000.pcapng", "home_00002_20260101120500.pcap"]
    names = FileNames(captures, _replace, 60)
    assert names.of_capture(captures[0]) == "abcd_00001_20260101120100.pcapng"
    assert names.of_capture(captures[1]) == "abcd_00002_20260101120600.pcapng"
    assert names.of("home_00002_20260101120500.masks.parquet") == (
        "abcd_00002_20260101120600.masks.parquet"
    )
    assert names.of("home.tx.parquet") == "abcd.tx.parquet"
    impossible = FileNames(["home_00001_99999999999999.pcap"], _replace, 60)
    assert impossible.run_id == "abcd"
    assert impossible.of_capture("home_00001_99999999999999.pcap").endswith(
        "_00000000000000.pcapng"
    )


def test_two_never_get_one_name() -> None:
    """Nor on a file system that takes upper and lower case for the same."""
    names = FileNames(["a.pcap", "a.pcapng", "home.pcap", "ABCD.pcap"], _replace)
    captures = ["a.pcap", "a.pcapng", "home.pcap", "ABCD.pcap"]
    found = [names.of_capture(name) for name in captures]
    assert found == ["a.pcapng", "a-2.pcapng", "abcd.pcapng", "ABCD-2.pcapng"]
    assert names.of("ABCD.masks.parquet") == "ABCD-2.masks.parquet"
