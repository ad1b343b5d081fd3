"""Owns one whole setup check of given settings: with their tenant, or the sandbox, and connections of its own."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from ciam_desktop import paths, sandbox_process
from ciam_desktop.core.check import check
from ciam_desktop.core.config import Tenant
from ciam_desktop.core.http import HttpClient
from ciam_desktop.core.identity.vault import open_vault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ciam_desktop.core.config import Settings
    from ciam_desktop.core.findings import Finding


def findings(settings: Settings) -> Iterator[Finding]:
    """What a check finds, each as soon as it is known; needs nothing that a sign-in would need, such as the vault.

    Without a tenant it starts the sandbox, or joins the one that runs. For any one thread, but for the UI's. Raises
    SandboxError.
    """
    with ExitStack() as held:
        tenant = settings.tenant
        if tenant is None:
            info = held.enter_context(sandbox_process.join(paths.data_dir() / "sandbox")).info
            scopes = (info.read_scope, info.readwrite_scope, "")
            tenant = Tenant(info.authority, info.client_id, *scopes, info.api_endpoint)
            http = HttpClient(info.ca_file, only=True)
        else:
            http = HttpClient(settings.ca_bundle)
        held.callback(http.close)
        yield from check(tenant, settings, http, lambda: open_vault(settings.profile, paths.data_dir()))
