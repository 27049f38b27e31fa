"""Files of secrets over HTTP: in pieces, broken off, resumed, out of bounds."""

from __future__ import annotations

import re

import pytest

from tests.support.asgi import Reply
from tests.support.secret import LINK, WRONG, a_claim, a_secret, nonce, text
from tests.support.site import Site
from watchword.core.instant import DAY
from watchword.core.secret import LEASE
from watchword.errors import StoreError

S = "/v1/secrets"
CONTENT = bytes(range(256)) * 2_000  # two pieces of the disk's


class Shared:
    """A secret with files of these contents, still to be uploaded."""

    def __init__(self, site: Site, *contents: bytes) -> None:
        self.site = site
        reply = site.call("POST", S, a_secret(blobs=[{"size": len(content)} for content in contents]))
        assert 201 == reply.status, reply.text
        self.address = f"{S}/{reply.json['id']}"
        self.paths = reply.json["blobs"]
        self.token = reply.json["manage_token"]

    def put(self, number: int, content: bytes, given: str = "", *, leaves: bool = False) -> Reply:
        headers = [(b"authorization", b"Bearer " + self.token.encode())]
        if given:
            headers.append((b"content-range", given.encode()))
        pieces = [content[at : at + 50_000] for at in range(0, len(content), 50_000)] or [b""]
        return self.site.call("PUT", self.paths[number], headers=headers, pieces=pieces, leaves=leaves)

    def get(self, number: int = 0, given: str = "", claim: int = 1) -> Reply:
        headers = [(b"watchword-claim", text(nonce(claim)).encode())]
        if given:
            headers.append((b"range", given.encode()))
        return self.site.call("GET", self.paths[number], headers=headers)

    def claim(self, number: int = 1) -> Reply:
        return self.site.call("POST", f"{self.address}/claim", a_claim(number))

    def seen(self) -> Reply:
        return self.site.call("POST", f"{self.address}/open", {"link": text(LINK)})

    def folders(self) -> int:
        return len(list(self.site.world.blobs._folder.glob("*/*")))


def test_it_is_visible_once_every_file_has_arrived(site: Site) -> None:
    shared = Shared(site, CONTENT, b"second")
    assert {"received": len(CONTENT), "size": len(CONTENT), "complete": True} == shared.put(0, CONTENT).json
    assert (404, 404) == (shared.seen().status, shared.claim().status)
    assert shared.put(1, b"second").json["complete"]
    assert "waiting" == shared.seen().json["state"]
    granted = shared.claim()
    assert [len(CONTENT), 6] == [blob["size"] for blob in granted.json["blobs"]]
    assert shared.paths == [blob["path"] for blob in granted.json["blobs"]]
    whole = shared.get()
    assert (200, CONTENT) == (whole.status, whole.body)
    assert ("application/octet-stream", "attachment") == (
        whole.header("content-type"),
        whole.header("content-disposition"),
    )
    assert b"second" == shared.get(1).body


def test_an_upload_that_broke_off_goes_on_where_it_was(site: Site) -> None:
    shared = Shared(site, CONTENT)
    size = len(CONTENT)
    assert 0 == shared.put(0, CONTENT[:70_000], leaves=True).status
    asked = shared.put(0, b"", f"bytes */{size}").json
    assert {"received": 70_000, "size": size, "complete": False} == asked
    wrong_place = shared.put(0, CONTENT[60_000:], f"bytes 60000-{size - 1}/{size}")
    assert (409, "conflict") == (wrong_place.status, wrong_place.json["code"])
    assert shared.put(0, CONTENT[70_000:], f"bytes 70000-{size - 1}/{size}").json["complete"]
    assert shared.put(0, b"something else").json["complete"]  # what is whole stays as it is
    shared.claim()
    assert CONTENT == shared.get().body


def test_a_download_that_broke_off_goes_on_where_it_was(site: Site) -> None:
    shared = Shared(site, CONTENT)
    shared.put(0, CONTENT)
    shared.claim()
    size = len(CONTENT)
    for given, start, stop in (
        ("bytes=0-0", 0, 1),
        ("bytes=300000-", 300_000, size),
        ("bytes=5-9999999", 5, size),
        ("bytes=-7", size - 7, size),
    ):
        part = shared.get(0, given)
        assert (206, CONTENT[start:stop]) == (part.status, part.body)
        assert f"bytes {start}-{stop - 1}/{size}" == part.header("content-range")
    for given in ("bytes=0-1,3-4", "lines=1-2", "bytes=-"):
        assert (200, size) == (shared.get(0, given).status, len(shared.get(0, given).body))
    beyond = shared.get(0, f"bytes={size}-")
    assert (416, f"bytes */{size}") == (beyond.status, beyond.header("content-range"))


def test_only_a_live_claim_downloads_and_only_the_maker_uploads(site: Site) -> None:
    shared = Shared(site, b"content")
    good, shared.token = shared.token, text(WRONG)
    assert 401 == shared.put(0, b"content").status
    assert 401 == site.call("PUT", shared.paths[0], pieces=[b"content"]).status
    shared.token = good
    shared.put(0, b"content")
    assert 404 == shared.get().status
    shared.claim()
    refused = [shared.get(claim=2), site.call("GET", shared.paths[0]), site.call("GET", f"{S}/nonsense/blobs/0")]
    assert {404} == {reply.status for reply in refused}
    assert 1 == len({reply.body for reply in refused})
    site.world.clock.move(LEASE - 1)
    assert 200 == shared.get().status  # and the lease begins anew
    site.world.clock.move(LEASE - 1)
    assert 200 == shared.get().status
    site.world.clock.move(LEASE)
    assert 404 == shared.get().status


@pytest.mark.parametrize("number", ["1", "-1", "00", "100", "x", "../0", ""])
def test_a_file_that_is_not_there_is_unknown(site: Site, number: str) -> None:
    shared = Shared(site, b"content")
    shared.paths[0] = f"{shared.address}/blobs/{number}"
    assert 404 == shared.put(0, b"content").status
    shared.claim()
    assert 404 == shared.get().status


def test_more_than_was_announced_is_refused_and_leaves_the_rest_to_come(site: Site) -> None:
    shared = Shared(site, b"content")
    assert 413 == shared.put(0, b"contents").status
    assert 404 == shared.seen().status
    assert shared.put(0, b"content").json["complete"]


@pytest.mark.parametrize("given", ["bytes 0-1", "bytes x-1/2", "items 0-1/2", "bytes 1-2/3/4"])
def test_a_range_that_is_none_is_malformed(site: Site, given: str) -> None:
    assert 400 == Shared(site, b"content").put(0, b"content", given).status


def test_files_go_with_their_secret(site: Site) -> None:
    acked, burnt, given_up = Shared(site, b"one"), Shared(site, b"two"), Shared(site, b"three")
    for shared, content in ((acked, b"one"), (burnt, b"two"), (given_up, b"th")):
        shared.put(0, content)
    assert 3 == acked.folders()
    acked.claim()
    site.call("POST", f"{acked.address}/ack", a_claim() | {"outcome": "read"})
    assert 2 == acked.folders()
    site.call("DELETE", burnt.address, headers=[(b"authorization", b"Bearer " + burnt.token.encode())])
    assert 1 == acked.folders()
    assert (410, "burnt") == (burnt.put(0, b"two").status, burnt.put(0, b"two").json["code"])
    site.world.clock.move(DAY)
    site.run(site.world.purge.once())
    assert 0 == acked.folders()


def test_orphans_are_swept_and_nothing_else(site: Site) -> None:
    kept, lost = Shared(site, b"one"), Shared(site, b"two")
    for shared in (kept, lost):
        shared.put(0, b"one" if shared is kept else b"two")
    raw = next(raw for raw in site.run(site.world.blobs.names()) if raw.hex() in _folder_of(site, b"two"))
    site.world.store.secrets._rows.bodies.pop(raw)  # type: ignore[attr-defined]  # as a crash between row and file
    assert 1 == site.run(site.world.secret_files.sweep())
    assert 1 == kept.folders()
    kept.claim()
    assert b"one" == kept.get().body


def _folder_of(site: Site, content: bytes) -> str:
    contents = {path.read_bytes(): path.parent.name for path in site.world.blobs._folder.glob("*/*/0")}
    return contents[content]


def test_size_and_number_of_files_have_a_ceiling(site: Site) -> None:
    most = site.world.secrets.rules.max_file
    assert 413 == site.call("POST", S, a_secret(blobs=[{"size": most}, {"size": 1}])).status
    assert 422 == site.call("POST", S, a_secret(blobs=[{"size": 1}] * 17)).status
    assert 422 == site.call("POST", S, a_secret(blobs=[{"size": 0}])).status
    assert 201 == site.call("POST", S, a_secret(blobs=[{"size": most}])).status


def test_a_disk_that_fails_is_a_503_and_loses_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = Shared(site, b"content")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(type(site.world.blobs), "_finish", full)
        assert 503 == shared.put(0, b"content").status
        assert 503 == shared.put(0, b"", "bytes */7").status
        assert 404 == shared.seen().status
    assert "No space left" in site.log("http.failed")[0]["detail"]
    assert {"received": 7, "size": 7, "complete": True} == shared.put(0, b"", "bytes */7").json
    assert 200 == shared.seen().status


def test_a_name_on_disk_is_made_of_nothing_a_client_chose(site: Site) -> None:
    Shared(site, b"content").put(0, b"content")
    (file,) = (path for path in site.world.blobs._folder.rglob("*") if path.is_file())
    assert re.fullmatch(r"([0-9a-f]{2})/\1[0-9a-f]{30}/0", str(file.relative_to(site.world.blobs._folder)))
    assert 0o600 == file.stat().st_mode & 0o777
    with pytest.raises(StoreError):
        site.run(anext(aiter(site.world.blobs.read(bytes(16), 0, 0, 1))))  # type: ignore[arg-type]
