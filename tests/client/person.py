"""Whoever got the mail: presses *Continue here*, or types the first word on another device."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from tests.client.running import RunningApp
from tests.support.link import Holder
from watchword.core import binary, ids

HERE = "192.0.2.7"


class Person:
    """The reader of the latest mail of a running app."""

    def __init__(self, app: RunningApp) -> None:
        self.app = app
        self.link = Holder(app.mail().link)
        self.id = ids.from_text(ids.VERIFICATION, self.link.id)
        self.proof = binary.decode(self.link.proof)

    def continued(self) -> str:
        """Where *Continue here* leads."""
        return self.app.run(self.app.world.magic_links.proceed(self.id, self.proof, HERE))

    def handed(self) -> tuple[str, str]:
        """The hand-off code and the state that it leads there with."""
        found = parse_qs(urlsplit(self.continued()).query)
        return found["code"][0], found["state"][0]

    def confirms(self, word: str) -> None:
        """*I asked on another device*."""
        self.app.run(self.app.world.magic_links.confirm(self.id, self.proof, word, HERE))
