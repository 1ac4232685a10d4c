"""The interpreter and its kernel twin do what the Linux kernel does."""

from __future__ import annotations

import socket
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wtrec.errors import FilterError
from wtrec.recorder import bpf
from wtrec.recorder.bpf import Instruction, Program
from wtrec.recorder.bpf.interpreter import FACTS, Source, run
from wtrec.recorder.bpf.on_capture import Runner
from wtrec.recorder.bpf.program import ANCILLARY, LINK_HEADER, NETWORK_HEADER, Ancillary
from wtrec.recorder.tun import MonitorTun

ETH_P_ALL = 3


def kernel_twin(program: Program, frame: bytes, length: int) -> int:
    """The verdict of the numba kernel, on a frame that stands somewhere in a window."""
    data = np.frombuffer(b"before" + frame + b"behind", np.uint8)
    where = (np.array([6]), np.array([len(frame)]), np.array([length]))
    return int(Runner(program).run(data, *where)[0])


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), st.binary(min_size=1, max_size=60))
def test_as_the_linux_kernel(
    random_programs: st.SearchStrategy[Program],
    kernel_keeps: Callable[[Program, bytes], int],
    data: st.DataObject,
    payload: bytes,
) -> None:
    """Any program keeps of any bytes what a socket's filter lets pass, in both twins."""
    program = data.draw(random_programs)
    kept = run(program, payload).kept
    assert kept == kernel_keeps(program, payload)
    assert kept == kernel_twin(program, payload, len(payload))


@given(st.data(), st.binary(max_size=40), st.integers(0, 100))
def test_cut_frames(
    random_programs: st.SearchStrategy[Program],
    data: st.DataObject,
    payload: bytes,
    cut: int,
) -> None:
    """Of a frame that a capture cut, both twins know the length that it had."""
    program = data.draw(random_programs)
    length = len(payload) + cut
    assert run(program, payload, length).kept == kernel_twin(program, payload, length)


def asking(fact: Ancillary) -> Program:
    """Keeps as many bytes as the fact's value says, and one more."""
    load = Instruction(0x20, 0, 0, ANCILLARY + fact)
    return Program((load, Instruction(0x04, 0, 0, 1), Instruction(0x16, 0, 0, 0)))


@pytest.mark.root
@pytest.mark.parametrize("fact", [fact for fact in FACTS if fact is not Ancillary.PKTTYPE])
def test_facts_of_a_monitor_interface(fact: Ancillary, mon0: MonitorTun) -> None:
    """What the kernel says of a frame there is what the interpreter says.

    Its packet type aside: mac80211 says 3, a simulated interface 0.
    """
    frame = bytes.fromhex("0000080000000000") + bytes(992)
    assert received(mon0, asking(fact), frame) == run(asking(fact), frame).kept
    assert kernel_twin(asking(fact), frame, len(frame)) == run(asking(fact), frame).kept


@pytest.mark.root
@pytest.mark.parametrize("header", [NETWORK_HEADER, LINK_HEADER])
@pytest.mark.parametrize("offset", [0, 5, 999, 1000])
def test_offsets_from_headers(header: int, offset: int, mon0: MonitorTun) -> None:
    """Loads that count from the link or network header count from the frame's first byte."""
    load = Instruction(0x30, 0, 0, header + offset)
    program = Program((load, Instruction(0x04, 0, 0, 1), Instruction(0x16, 0, 0, 0)))
    frame = bytes([0, 0, 8, 0, 0, 33, 0, 0]) + bytes(991) + b"\x07"
    assert received(mon0, program, frame) == run(program, frame).kept
    assert kernel_twin(program, frame, len(frame)) == run(program, frame).kept


def received(tun: MonitorTun, program: Program, frame: bytes) -> int:
    """Bytes that a packet socket gets of a frame on the interface, 0 if it does not get it."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
        bpf.attach(sock, program)
        sock.bind((tun.name, ETH_P_ALL))
        sock.setblocking(False)
        tun.write(frame)
        try:
            return len(sock.recv(2000))
        except BlockingIOError:
            return 0


@pytest.mark.parametrize("fact", sorted(set(Ancillary) - set(FACTS) - {Ancillary.ALU_XOR_X}))
def test_facts_that_no_capture_has(fact: Ancillary) -> None:
    """A program that asks for them is refused by name."""
    with pytest.raises(FilterError, match=f"instruction 0 asks the kernel for {fact.name.lower()}"):
        run(asking(fact), bytes(100))


def test_what_was_looked_at() -> None:
    """The loads are told in order, and each branch with the place that it was about."""
    program = bpf.compile_expression("radio[2:2] & 0xff0 = 0x800")
    outcome = run(program, bytes.fromhex("00000800000000000000"))
    assert outcome.loads == [(2, 2)]
    assert outcome.passed
    (branch,) = outcome.branches
    assert branch.source == Source(2, 2, 0xFF0)
    assert (branch.operand, branch.value, branch.taken) == (0x800, 0x800, True)


def test_beyond_the_frame() -> None:
    """A load beyond the frame drops it, and that is told from another drop."""
    program = bpf.compile_expression("radio[40] = 0")
    assert run(program, bytes(40)).beyond
    assert not run(program, bytes(41)).beyond
    assert run(program, bytes(41)).kept == 41
