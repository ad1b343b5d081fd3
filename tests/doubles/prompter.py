"""A person in front of the keyring's prompt: the desktop's part that gnome-keyring asks to show it (gcr's protocol)."""

from __future__ import annotations

import threading
from typing import Self

from jeepney import DBusAddress, HeaderFields, Message, MessageType, new_method_call, new_method_return
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import DBusConnection, open_dbus_connection

_NAME = "org.gnome.keyring.SystemPrompter"
_CALLBACK = "org.gnome.keyring.internal.Prompter.Callback"


class Prompter:
    """Takes over the session's prompts while its context lasts; `cancels` them, or leaves them without an answer."""

    def __init__(self, bus_address: str, *, cancels: bool) -> None:
        self.shown = 0
        self._address = bus_address
        self._cancels = cancels
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._connection = open_dbus_connection(self._address)
        self._connection.send_and_get_reply(message_bus.RequestName(_NAME), timeout=10)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(10)
        self._connection.close()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                message = self._connection.receive(timeout=0.05)
            except TimeoutError:
                continue
            if message.header.message_type is MessageType.method_call:
                self._answer(self._connection, message)

    def _answer(self, connection: DBusConnection, message: Message) -> None:
        fields = message.header.fields
        member = fields[HeaderFields.member]
        connection.send(new_method_return(message))
        callback = DBusAddress(message.body[0], fields[HeaderFields.sender], _CALLBACK)
        if member == "BeginPrompting":
            connection.send(new_method_call(callback, "PromptReady", "sa{sv}s", ("", {}, "")))
        elif member == "PerformPrompt":
            self.shown += 1
            if self._cancels:
                connection.send(new_method_call(callback, "PromptReady", "sa{sv}s", ("no", {}, "")))
        elif member == "StopPrompting":
            connection.send(new_method_call(callback, "PromptDone"))
