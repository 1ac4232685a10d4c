"""``python -m wtrec.benchmarks.notebook FILE``: how notebooks count bit errors, by pyshark.

All packets are loaded, the payload of each broken one becomes a string of binary digits, and those
that are 1 are counted: the packets carried zeros. A row a rate is printed.
"""

from __future__ import annotations

import sys
from collections import defaultdict

import pyshark  # pyright: ignore[reportMissingImports] - ./dev bench has it

BAD = "0"  # wlan.fcs.status


def main(path: str) -> None:
    """Count, and print."""
    capture = pyshark.FileCapture(path, override_prefs={"wlan.check_checksum": "TRUE"})
    packets = list(capture)
    capture.close()
    frames: defaultdict[str, int] = defaultdict(int)
    broken: defaultdict[str, list[str]] = defaultdict(list)
    for packet in packets:
        rate = str(packet.wlan_radio.get("data_rate"))
        frames[rate] += 1
        if packet.wlan.get("fcs_status") == BAD and "data" in packet:
            digits = str(packet.data.data).replace(":", "")
            broken[rate].append(
                "".join(f"{int(digits[at : at + 2], 16):08b}" for at in range(0, len(digits), 2))
            )
    for rate, count in frames.items():
        bits = "".join(broken[rate])
        print(rate, count, len(broken[rate]), len(bits), bits.count("1"))


if __name__ == "__main__":
    main(sys.argv[1])
