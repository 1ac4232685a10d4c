"""Programs and libraries on this machine, and where compiled kernels are kept."""

from __future__ import annotations

import ctypes
import shutil

from ..bpf.libpcap import load_libpcap
from .findings import Finding, Status

# Tool: what it is good for. wtrec itself runs none of these, but for tcpdump in libpcap's place.
_TOOLS = {
    "tshark": "to look into captures",
    "iw": "to set what wtrec does not: regulatory domain, power",
    "tcpdump": "to compile filters where libpcap is missing",
}


def tools() -> list[Finding]:
    """Optional tools, libpcap, and the cache of compiled kernels."""
    return [_libpcap(), *(_tool(name, use) for name, use in _TOOLS.items()), _kernel_cache()]


def _tool(name: str, use: str) -> Finding:
    path = shutil.which(name, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    path = path or shutil.which(name)
    if path:
        return Finding(name, Status.OK, path)
    return Finding(name, Status.OK, f"not installed; optional, {use}", f"apt install {name}")


def _libpcap() -> Finding:
    pcap = load_libpcap()
    if pcap is not None:
        pcap.pcap_lib_version.restype = ctypes.c_char_p
        return Finding("libpcap", Status.OK, pcap.pcap_lib_version().decode(errors="replace"))
    if shutil.which("tcpdump"):
        return Finding("libpcap", Status.OK, "not installed; filters are compiled by tcpdump")
    return Finding(
        "libpcap",
        Status.WARNING,
        "neither libpcap nor tcpdump: capture filters cannot be compiled",
        "apt install libpcap0.8",
    )


def _kernel_cache() -> Finding:
    from ... import jit

    if jit.numba is None:
        return Finding(
            "kernel-cache",
            Status.WARNING,
            "kernels are not compiled (numba is missing or switched off): capture is slow",
            "unset NUMBA_DISABLE_JIT; pip install numba",
        )
    if jit.can_cache():
        return Finding(
            "kernel-cache", Status.OK, f"compiled kernels are kept in {jit.cache_folder()}"
        )
    return Finding(
        "kernel-cache",
        Status.WARNING,
        f"{jit.cache_folder()} cannot be written: each command compiles its kernels anew",
        "export NUMBA_CACHE_DIR=A_FOLDER_THAT_YOU_CAN_WRITE",
    )
