"""Netlink: messages to the kernel and back, and a socket that asks and waits for the answer.

Source: linux/netlink.h, linux/genetlink.h, Documentation/userspace-api/netlink/intro.rst.
Integers are in the machine's byte order; messages and attributes start at multiples of 4.

     0               4       6       8               12              16
    +---------------+-------+-------+---------------+---------------+--------------
    | length u32    | type  | flags | sequence u32  | port u32      | payload
    +---------------+-------+-------+---------------+---------------+--------------

An attribute's length counts its own four bytes. The two upper bits of its type say that it
holds attributes, or is in network order, and are no part of the type:

     0       2       4
    +-------+-------+----------------+
    | length| type  | data           |
    +-------+-------+----------------+

An answer is a number of messages, and then an error message (type 2, ``-errno`` in its first
four bytes, 0 for done) or, for a dump, a done message (type 3). Behind the error number stands
the header of what was asked, and behind this, if flag 0x200 is set, attributes: the first
kind holds a sentence about what is wrong (extended ACK).
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from ...closing import Closing
from ...errors import CaptureError, FormatError

NETLINK_ROUTE, NETLINK_GENERIC = 0, 16

_HEADER = struct.Struct("=IHHII")
_GENERIC = struct.Struct("=BBxx")
_ATTRIBUTE = struct.Struct("=HH")
_TYPE_MASK = 0x3FFF
_NESTED = 0x8000

_ERROR, _DONE = 2, 3
_REQUEST, _ACK, _DUMP = 0x001, 0x004, 0x300
_CAPPED, _WITH_ATTRIBUTES = 0x100, 0x200
_ERROR_SENTENCE = 1
_SOL_NETLINK, _CAP_ACK, _EXT_ACK = 270, 10, 11
_BUFFER = 1 << 17
_SECONDS = 10.0

_CONTROL = 16  # GENL_ID_CTRL: the family that names the others
_GET_FAMILY, _FAMILY_ID, _FAMILY_NAME = 3, 1, 2


class RefusedError(CaptureError):
    """The kernel refused a request.

    Attributes:
        errno: Its error number.
        sentence: What it says about it, often empty.
    """

    def __init__(self, errno: int, sentence: str = "") -> None:
        self.errno = errno
        self.sentence = sentence
        super().__init__(f"{os.strerror(errno)}{f' ({sentence})' if sentence else ''}")


@dataclass(frozen=True, slots=True)
class Message:
    """One message.

    Attributes:
        type: What its payload is: a family's number, or one of netlink's own below 16.
        flags: ``NLM_F_*``.
        sequence: Of the request that it answers.
        payload: All behind the header.
    """

    type: int
    flags: int
    sequence: int
    payload: bytes

    def write(self) -> bytes:
        """Its bytes; the kernel fills in the port."""
        length = _HEADER.size + len(self.payload)
        head = _HEADER.pack(length, self.type, self.flags, self.sequence, 0)
        return head + self.payload + bytes(-length % 4)


def read_messages(data: bytes) -> list[Message]:
    """The messages of one datagram.

    Raises:
        FormatError: A header is cut off, or its length is no length; names the offset.
    """
    found = []
    at = 0
    while at < len(data):
        if len(data) - at < _HEADER.size:
            raise FormatError(
                f"a netlink header has {_HEADER.size} bytes, found {len(data) - at}", offset=at
            )
        length, kind, flags, sequence, _port = _HEADER.unpack_from(data, at)
        if not _HEADER.size <= length <= len(data) - at:
            raise FormatError(
                f"a netlink message's length must be {_HEADER.size} to {len(data) - at}, "
                f"found {length}",
                offset=at,
            )
        found.append(Message(kind, flags, sequence, data[at + _HEADER.size : at + length]))
        at += length + -length % 4
    return found


def attribute(kind: int, data: bytes | str | int = b"") -> bytes:
    """One attribute: bytes as they are, text with a NUL behind it, a number as u32."""
    if isinstance(data, str):
        data = data.encode() + b"\0"
    elif isinstance(data, int):
        data = struct.pack("=I", data)
    length = _ATTRIBUTE.size + len(data)
    return _ATTRIBUTE.pack(length, kind) + data + bytes(-length % 4)


def nested(kind: int, *attributes: bytes) -> bytes:
    """An attribute that holds attributes."""
    return attribute(kind | _NESTED, b"".join(attributes))


def read_attributes(data: bytes, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """Kind and data of each attribute from ``start`` on; its padding may be missing.

    Raises:
        FormatError: An attribute is cut off, or its length is no length; names the offset.
    """
    at = start
    while at < len(data):
        left = len(data) - at
        if left < _ATTRIBUTE.size:
            raise FormatError(f"a netlink attribute has at least 4 bytes, found {left}", offset=at)
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if not _ATTRIBUTE.size <= length <= left:
            raise FormatError(
                f"a netlink attribute's length must be 4 to {left}, found {length}", offset=at
            )
        yield kind & _TYPE_MASK, data[at + _ATTRIBUTE.size : at + length]
        at += length + -length % 4


def number(data: bytes) -> int:
    """An attribute's number: u8, u16, u32 or u64.

    Raises:
        FormatError: It has another length.
    """
    if len(data) not in {1, 2, 4, 8}:
        raise FormatError(
            f"a number in a netlink attribute has 1, 2, 4 or 8 bytes, not {len(data)}"
        )
    return int.from_bytes(data, "little" if struct.pack("=H", 1)[0] else "big")


def text(data: bytes) -> str:
    """An attribute's text, up to its NUL."""
    return data.split(b"\0", 1)[0].decode(errors="replace")


def refusal(message: Message) -> RefusedError | None:
    """What an error message says; None where it says that all is done.

    Raises:
        FormatError: It is too short for its parts.
    """
    payload = message.payload
    if len(payload) < 4:
        raise FormatError(f"a netlink error has at least 4 bytes, found {len(payload)}")
    errno = -int(struct.unpack_from("=i", payload)[0])
    if errno <= 0:
        return None
    sentence = ""
    if message.flags & _WITH_ATTRIBUTES and len(payload) >= 4 + _HEADER.size:
        asked = _HEADER.size
        if not message.flags & _CAPPED:
            (asked,) = struct.unpack_from("=I", payload, 4)
            asked += -asked % 4
        parts = dict(read_attributes(payload, 4 + asked))
        sentence = text(parts.get(_ERROR_SENTENCE, b""))
    return RefusedError(errno, sentence)


class Netlink(Closing):
    """A netlink socket.

    Args:
        protocol: ``NETLINK_ROUTE`` or ``NETLINK_GENERIC``.

    Raises:
        RefusedError: The kernel has no such protocol.
    """

    def __init__(self, protocol: int) -> None:
        try:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
        except OSError as error:
            raise RefusedError(error.errno or 0) from error
        self._socket.settimeout(_SECONDS)
        self._socket.setsockopt(_SOL_NETLINK, _CAP_ACK, 1)
        self._socket.setsockopt(_SOL_NETLINK, _EXT_ACK, 1)
        self._sequence = 0

    def ask(self, kind: int, payload: bytes, *, dump: bool = False) -> list[bytes]:
        """Send one request; the payloads of the messages that answer it.

        Raises:
            RefusedError: The kernel refuses it, or does not answer.
            FormatError: The answer is no netlink message.
        """
        self._sequence += 1
        flags = _REQUEST | (_DUMP if dump else _ACK)
        answers: list[bytes] = []
        try:
            self._socket.send(Message(kind, flags, self._sequence, payload).write())
            while True:
                for message in read_messages(self._socket.recv(_BUFFER)):
                    if message.sequence != self._sequence:
                        continue  # of a request that was given up
                    if message.type == _ERROR or (message.type == _DONE and message.payload):
                        refused = refusal(message)
                        if refused is not None:
                            raise refused
                    if message.type in {_ERROR, _DONE}:
                        return answers
                    answers.append(message.payload)
        except OSError as error:
            raise RefusedError(error.errno or 110) from error

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()


class GenericNetlink(Netlink):
    """A socket to one family of generic netlink, which is found by its name.

    Raises:
        RefusedError: ENOENT: there is no such family.
    """

    def __init__(self, family: str) -> None:
        super().__init__(NETLINK_GENERIC)
        try:
            request = _GENERIC.pack(_GET_FAMILY, 1) + attribute(_FAMILY_NAME, family)
            answers = self.ask(_CONTROL, request)
            parts = dict(read_attributes(b"".join(answers[:1]), _GENERIC.size))
            self._family = number(parts.get(_FAMILY_ID, b""))
        except BaseException:
            self.close()
            raise

    def command(self, command: int, *attributes: bytes, dump: bool = False) -> list[bytes]:
        """Send a command; the attributes of each message that answers it.

        Raises:
            RefusedError: The kernel refuses it, or does not answer.
            FormatError: The answer is no message of generic netlink.
        """
        request = _GENERIC.pack(command, 0) + b"".join(attributes)
        return [answer[_GENERIC.size :] for answer in self.ask(self._family, request, dump=dump)]
