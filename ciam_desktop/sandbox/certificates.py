"""Owns the sandbox's private CA and its server certificate, both kept."""

from __future__ import annotations

import datetime
import os
import secrets
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CA_FILE = "ca.pem"
_LEAF_FILE = "server.pem"
# PEM allows text before its first block; the end is there so that a start need not load an X.509 library.
_ENDS = "Ends: "
_HOSTS = ("localhost", "127.0.0.1", "::1")
_LIFETIME = datetime.timedelta(days=397)
_RENEW_BEFORE = datetime.timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Certificates:
    """`ca_file` is for the programs that connect; `server_file` holds the server's key and chain."""

    ca_file: Path
    server_file: Path


def load(data_dir: Path, now: datetime.datetime | None = None) -> Certificates:
    """The kept certificates, made anew when there are none or when the server's ends within 30 days.

    The CA's private key is used once and never kept, so nothing on this machine can sign another host's
    certificate with it; a renewal makes a new CA, and the programs read its file each time they join.
    """
    kept = Certificates(data_dir / CA_FILE, data_dir / _LEAF_FILE)
    if not _good(kept, now or datetime.datetime.now(datetime.UTC)):
        _make(kept)
    return kept


def _good(kept: Certificates, now: datetime.datetime) -> bool:
    try:
        first, _, _ = kept.server_file.read_text("ascii").partition("\n")
        ends = datetime.datetime.fromisoformat(first.removeprefix(_ENDS))
        ssl.create_default_context(cafile=os.fspath(kept.ca_file))
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(kept.server_file)
    except (OSError, ValueError):
        return False
    return ends - now > _RENEW_BEFORE


def _make(kept: Certificates) -> None:
    import trustme  # slow, and needed at the first start only

    now = datetime.datetime.now(datetime.UTC)
    ca = trustme.CA(organization_name="CIAM Desktop", organization_unit_name="Sandbox on this computer")
    leaf = ca.issue_cert(*_HOSTS, not_before=now - datetime.timedelta(days=1), not_after=now + _LIFETIME)
    chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
    head = f"{_ENDS}{(now + _LIFETIME).isoformat()}\n".encode()
    # Without the CA's file the pair counts as missing, so an interruption between the two is made good.
    kept.ca_file.unlink(missing_ok=True)
    write_private(kept.server_file, head + leaf.private_key_pem.bytes() + chain)
    write_private(kept.ca_file, ca.cert_pem.bytes())


def write_private(path: Path, content: bytes) -> None:
    """Write `path` in one step and readable by its owner only."""
    partial = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
    # O_EXCL follows no link that lies there already.
    handle = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
