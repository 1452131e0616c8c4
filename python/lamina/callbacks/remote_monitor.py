"""Sending logs to a server."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Mapping
from typing import Any

from lamina.callbacks.callback import Callback, Logs


class RemoteMonitor(Callback):
    """Posts each epoch's logs to a server; training goes on when it cannot be reached.

    Args:
        root: The server: "http://localhost:9000".
        path: The path on it.
        field: The form field that holds the JSON, where `send_as_json` is False.
        headers: More headers for the request.
        send_as_json: Send the JSON itself as "application/json".

    Raises:
        ValueError: If `root` is no http or https address.
    """

    state_names = ()

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: Mapping[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        super().__init__()
        if not str(root).startswith(("http://", "https://")):
            raise ValueError(
                "RemoteMonitor: `root` must start with 'http://' or 'https://'. "
                f"Received: root={root!r}"
            )
        self.root, self.path, self.field = root, path, field
        self.headers = dict(headers or {})
        self.send_as_json = send_as_json

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Sends the logs."""
        text = json.dumps({"epoch": epoch, **(logs or {})})
        kind = "application/json" if self.send_as_json else "application/x-www-form-urlencoded"
        body = text if self.send_as_json else urllib.parse.urlencode({self.field: text})
        request: Any = urllib.request.Request(
            self.root + self.path,
            data=body.encode(),
            headers={"Content-Type": kind, **self.headers},
        )
        try:
            urllib.request.urlopen(request, timeout=10).close()
        except (urllib.error.URLError, OSError) as error:
            warnings.warn(
                f"RemoteMonitor could not reach {self.root}: {error}",
                stacklevel=2,
            )
