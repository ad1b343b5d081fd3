"""Windows' own tables of who listens where, read on any system; on Windows itself they have not been asked yet."""

from __future__ import annotations

import socket
import struct

from ciam_desktop.core import port_owner


def test_a_table_of_windows_is_read_as_its_headers_say() -> None:
    four = struct.pack("<IIHHIII", 2, 0x0100007F, socket.htons(3000), 0xFFFF, 0, 0, 4711)
    six = struct.pack("<16sIHH16sIIII", b"\0" * 15 + b"\1", 0, socket.htons(3001), 0, b"", 0, 0, 2, 4712)
    assert port_owner.listeners_in(struct.pack("<I", 2) + four + four + bytes(64), 2) == {3000: 4711}
    assert port_owner.listeners_in(struct.pack("<I", 1) + six, 23) == {3001: 4712}
    assert port_owner.listeners_in(b"", 2) == {}
    assert port_owner.listeners_in(struct.pack("<I", 9) + four[:-1], 2) == {}
