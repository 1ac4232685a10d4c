"""Netlink's messages and attributes, on any bytes, and the socket, on this machine's kernel."""

from __future__ import annotations

import contextlib
import errno
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.errors import FormatError
from wtrec.recorder.tun import MonitorTun
from wtrec.recorder.wireless.netlink import (
    NETLINK_ROUTE,
    GenericNetlink,
    Message,
    Netlink,
    RefusedError,
    attribute,
    nested,
    number,
    read_attributes,
    read_messages,
    refusal,
    text,
)

GET_LINK, SET_LINK = 18, 19


def link(index: int, flags: int = 0, change: int = 0) -> bytes:
    """``struct ifinfomsg``."""
    return struct.pack("=BxHiII", 0, 0, index, flags, change)


class TestMessages:
    """Messages in a datagram."""

    @given(
        st.lists(
            st.builds(
                Message,
                st.integers(0, 0xFFFF),
                st.integers(0, 0xFFFF),
                st.integers(0, 0xFFFFFFFF),
                st.binary(max_size=50),
            )
        )
    )
    def test_what_is_written_is_read(self, messages: list[Message]) -> None:
        """Messages one behind the other come back, padding or not."""
        assert read_messages(b"".join(message.write() for message in messages)) == messages

    @given(st.binary(max_size=200))
    def test_any_bytes(self, data: bytes) -> None:
        """Bytes are messages, or a FormatError."""
        with contextlib.suppress(FormatError):
            for message in read_messages(data):
                refusal(message)

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (bytes(15), "offset 0: a netlink header has 16 bytes, found 15"),
            (struct.pack("=IHHII", 15, 2, 0, 0, 0), "length must be 16 to 16, found 15"),
            (struct.pack("=IHHII", 99, 2, 0, 0, 0), "length must be 16 to 16, found 99"),
        ],
    )
    def test_damaged(self, data: bytes, message: str) -> None:
        """What is no message is named, with its place."""
        with pytest.raises(FormatError, match=message):
            read_messages(data)


class TestAttributes:
    """Attributes in a message."""

    @given(st.lists(st.tuples(st.integers(0, 0x3FFF), st.binary(max_size=50))))
    def test_what_is_written_is_read(self, attributes: list[tuple[int, bytes]]) -> None:
        """Attributes come back; that one holds others is no part of its kind."""
        data = b"".join(attribute(kind, content) for kind, content in attributes)
        assert list(read_attributes(data)) == attributes
        assert list(read_attributes(nested(7, data))) == [(7, data)]

    @given(st.binary(max_size=200), st.integers(0, 20))
    def test_any_bytes(self, data: bytes, start: int) -> None:
        """Bytes are attributes, or a FormatError."""
        with contextlib.suppress(FormatError):
            assert all(len(content) <= len(data) for _, content in read_attributes(data, start))

    def test_values(self) -> None:
        """Numbers of each width and text are read as the kernel writes them."""
        assert [number(struct.pack(f"={kind}", 7)) for kind in "BHIQ"] == [7] * 4
        assert text(b"phy0\0") == "phy0"
        assert list(read_attributes(attribute(3, "mon0") + attribute(4, 9))) == [
            (3, b"mon0\0"),
            (4, struct.pack("=I", 9)),
        ]
        with pytest.raises(FormatError, match="1, 2, 4 or 8 bytes, not 3"):
            number(b"abc")

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"\4\0\1", "at least 4 bytes, found 3"),
            (struct.pack("=HH", 3, 1), "length must be 4 to 4, found 3"),
            (struct.pack("=HH", 9, 1), "length must be 4 to 4, found 9"),
        ],
    )
    def test_damaged(self, data: bytes, message: str) -> None:
        """What is no attribute is named, with its place."""
        with pytest.raises(FormatError, match=f"offset 0: a netlink attribute.*{message}"):
            list(read_attributes(data))


class TestRefusal:
    """Error messages."""

    def test_done(self) -> None:
        """Error 0 is no error."""
        assert refusal(Message(2, 0, 1, bytes(20))) is None

    @pytest.mark.parametrize("capped", [True, False])
    def test_with_a_sentence(self, capped: bool) -> None:
        """The kernel's sentence stands behind what was asked, or behind the header of it."""
        asked = Message(SET_LINK, 5, 1, b"12345").write()
        payload = struct.pack("=i", -errno.EPERM) + struct.pack("=I", 21)
        payload += asked[4:16] if capped else asked[4:]
        flags = 0x200 | (0x100 if capped else 0)
        refused = refusal(Message(2, flags, 1, payload + attribute(1, "not today")))
        assert refused is not None
        assert (refused.errno, refused.sentence) == (errno.EPERM, "not today")
        assert str(refused) == "Operation not permitted (not today)"


class TestSocket:
    """The socket, on the kernel of this machine."""

    def test_dump(self) -> None:
        """All interfaces are listed, one answer each, with their names."""
        with Netlink(NETLINK_ROUTE) as netlink:
            answers = netlink.ask(GET_LINK, link(0), dump=True)
        names = [text(dict(read_attributes(answer, 16))[3]) for answer in answers]
        assert "lo" in names

    def test_refused(self) -> None:
        """An interface that is not there is an error of that number; the socket can go on."""
        with Netlink(NETLINK_ROUTE) as netlink:
            for _ in range(2):
                with pytest.raises(RefusedError, match="No such device") as caught:
                    netlink.ask(GET_LINK, link(2**31 - 1))
                assert caught.value.errno == errno.ENODEV
            assert netlink.ask(GET_LINK, link(1))

    @pytest.mark.root
    def test_refused_with_a_sentence(self, mon0: MonitorTun) -> None:
        """The kernel's own sentence is read: frames cannot be that long."""
        index = socket.if_nametoindex(mon0.name)
        with Netlink(NETLINK_ROUTE) as netlink, pytest.raises(RefusedError) as caught:
            netlink.ask(SET_LINK, link(index) + attribute(4, 1 << 20))  # IFLA_MTU
        assert caught.value.errno == errno.EINVAL
        assert "mtu greater than device maximum" in caught.value.sentence

    def test_families(self) -> None:
        """A family is found by its name: the controller itself; another is not there."""
        with GenericNetlink("nlctrl") as control:
            answers = control.command(3, attribute(2, "nlctrl"))
        assert text(dict(read_attributes(answers[0]))[2]) == "nlctrl"
        with pytest.raises(RefusedError) as caught:
            GenericNetlink("wtrec-nothing")
        assert caught.value.errno == errno.ENOENT
