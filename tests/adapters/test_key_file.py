"""The key file: made once, read with suspicion, rotated without losing anything."""

from __future__ import annotations

import json
import multiprocessing
import os
from base64 import urlsafe_b64encode
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.world import START, LoadedDice
from watchword.adapters import key_file
from watchword.adapters.system import SystemEntropy
from watchword.core.instant import rfc3339
from watchword.core.keyring import INDEX_RECIPIENT
from watchword.errors import SettingsError


def text_of(key: bytes) -> str:
    return urlsafe_b64encode(key).rstrip(b"=").decode()


RANDOM = [LoadedDice(seed).draw(32) for seed in range(4)]


def document(**changes: object) -> dict[str, object]:
    made = {"key": text_of(RANDOM[1]), "created_at": "2026-11-23T14:02:11.000Z"}
    return {"version": 1, "current": 1, "index": text_of(RANDOM[0]), "keys": {"1": made}} | changes


def write(folder: Path, content: object, mode: int = 0o600) -> Path:
    path = folder / "keys.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    path.chmod(mode)
    return path


def refused(path: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        key_file.load(path)
    assert "WATCHWORD_KEY_FILE" == caught.value.setting
    return caught.value.detail


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "made" / "keys.json"
    assert key_file.ensure(path, LoadedDice().draw, START)
    return path


# --- making it -------------------------------------------------------------------------------------


def test_a_new_key_file_is_ours_alone_and_so_is_its_folder(path: Path) -> None:
    assert 0o600 == path.stat().st_mode & 0o777
    assert 0o700 == path.parent.stat().st_mode & 0o777


def test_a_new_key_file_has_one_key_and_an_index(path: Path) -> None:
    ring = key_file.load(path)

    assert (1,) == ring.numbers
    assert 1 == ring.current
    assert [(1, rfc3339(START), True)] == [*key_file.listing(path)]


def test_a_key_file_that_is_there_stays(path: Path) -> None:
    before = path.read_bytes()

    assert not key_file.ensure(path, LoadedDice(2).draw, START)
    assert before == path.read_bytes()


def make(path: Path) -> bytes:
    key_file.ensure(path, SystemEntropy().draw, START)
    return key_file.load(path).lookup(INDEX_RECIPIENT, b"ann")


def test_processes_that_start_at_once_agree_on_one_file(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        seen = set(pool.map(make, [tmp_path / "keys.json"] * 4))

    assert 1 == len(seen)


def test_threads_that_start_at_once_agree_on_one_file(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        seen = set(pool.map(make, [tmp_path / "keys.json"] * 16))

    assert 1 == len(seen)


def test_what_a_crash_left_half_written_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "keys.json.new").write_text("{")

    assert key_file.ensure(tmp_path / "keys.json", LoadedDice().draw, START)
    assert ["keys.json", "keys.json.lock"] == sorted(file.name for file in tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_a_setting_to_change(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SettingsError):
        key_file.ensure(tmp_path / "file" / "keys.json", LoadedDice().draw, START)


# --- reading it ------------------------------------------------------------------------------------


def test_a_good_file_is_read(tmp_path: Path) -> None:
    assert (1,) == key_file.load(write(tmp_path, document())).numbers


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    assert "does not exist" in refused(tmp_path / "keys.json")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o644, 0o610])
def test_a_file_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    assert "chmod 600" in refused(write(tmp_path, document(), mode))


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys.json").mkdir(mode=0o700)

    assert "must be a file" in refused(tmp_path / "keys.json")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "keys.json", 0o600)

    assert "must be a file" in refused(tmp_path / "keys.json")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, document())
    os.chown(path, 4711, 4711)

    assert "another user" in refused(path)


def test_a_link_to_a_file_of_ours_is_followed(tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(write(tmp_path, document()))

    assert (1,) == key_file.load(link).numbers


@pytest.mark.parametrize(
    "key",
    [
        bytes(32),
        b"\xff" * 32,
        b"\x00\x01" * 16,
        b"changeme changeme changeme chang",
        bytes(range(32)),
        bytes(range(64, 0, -2)),
        RANDOM[2][:16] * 2,
        bytes(16) + RANDOM[2][:8] + bytes(8),
    ],
    ids=["zeros", "ones", "repeat", "text", "counting", "counting down", "halves", "few bytes"],
)
def test_a_key_that_nobody_drew_is_refused(tmp_path: Path, key: bytes) -> None:
    as_key = document(keys={"1": {"key": text_of(key), "created_at": ""}})

    for content in (as_key, document(index=text_of(key))):
        detail = refused(write(tmp_path, content))
        assert "not drawn at random" in detail
        assert text_of(key) not in detail


@pytest.mark.parametrize(
    "text",
    [
        "",
        text_of(RANDOM[1][:31]),
        text_of(RANDOM[1] + b"x"),
        text_of(RANDOM[1]) + "=",
        "é" * 43,
        "-" + "_" * 42,
        "+" * 43,
    ],
)
def test_a_key_of_another_form_is_refused_and_not_shown(tmp_path: Path, text: str) -> None:
    detail = refused(write(tmp_path, document(index=text)))

    assert not text or text not in detail


@pytest.mark.parametrize(
    "content",
    [
        "",
        "keys",
        "[]",
        document(version=2),
        document(current=2),
        document(extra=1),
        document(keys={}),
        document(keys={"0": {"key": text_of(RANDOM[1]), "created_at": ""}}),
        document(keys={"256": {"key": text_of(RANDOM[1]), "created_at": ""}}),
        document(keys={"01": {"key": text_of(RANDOM[1]), "created_at": ""}}),
        document(keys={"1": {"key": text_of(RANDOM[1]), "created_at": "", "note": "mine"}}),
        document(keys={"1": {"key": text_of(RANDOM[0]), "created_at": ""}}),
        document(index=7),
    ],
)
def test_what_is_no_key_file_is_refused_and_not_shown(tmp_path: Path, content: object) -> None:
    detail = refused(write(tmp_path, content))

    assert text_of(RANDOM[0]) not in detail
    assert text_of(RANDOM[1]) not in detail


def test_no_repr_shows_a_key(tmp_path: Path) -> None:
    read = key_file._read(write(tmp_path, document()))

    assert text_of(RANDOM[0]) not in repr(read)
    assert text_of(RANDOM[1]) not in repr(read) + repr(read.keys)


# --- rotating it -----------------------------------------------------------------------------------


def test_rotating_adds_a_key_and_makes_it_current(path: Path) -> None:
    assert 2 == key_file.rotate(path, LoadedDice(5).draw, START)

    ring = key_file.load(path)
    assert ((1, 2), 2) == (ring.numbers, ring.current)


def test_rotating_keeps_earlier_keys_the_index_and_the_mode(path: Path) -> None:
    before = key_file.load(path)
    path.chmod(0o400)

    key_file.rotate(path, LoadedDice(5).draw, START)

    after = key_file.load(path)
    assert before.root(1).code.digest(b"id") == after.root(1).code.digest(b"id")
    assert before.lookup(INDEX_RECIPIENT, b"ann") == after.lookup(INDEX_RECIPIENT, b"ann")
    assert 0o400 == path.stat().st_mode & 0o777


def test_a_file_that_was_rotated_is_told_from_the_one_before(tmp_path: Path, path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(path)
    before = key_file.version(link)
    assert before == key_file.version(link)
    key_file.rotate(path, LoadedDice(5).draw, START)
    assert before != key_file.version(link)
    path.unlink()
    assert key_file.version(link) is None


def test_rotating_through_a_link_changes_the_file_behind_it(tmp_path: Path, path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(path)

    assert 2 == key_file.rotate(link, LoadedDice(2).draw, START)
    assert link.is_symlink()
    assert (1, 2) == key_file.load(path).numbers


def test_rotations_at_once_each_add_a_key(path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda seed: key_file.rotate(path, LoadedDice(seed).draw, START), range(10, 18)))

    assert list(range(2, 10)) == sorted(numbers)


def test_after_the_last_number_rotating_is_refused(tmp_path: Path) -> None:
    made = {"key": text_of(RANDOM[1]), "created_at": ""}
    path = write(tmp_path, document(current=255, keys={"255": made}))

    with pytest.raises(SettingsError, match="last number"):
        key_file.rotate(path, LoadedDice(5).draw, START)


def test_a_file_that_is_not_there_is_not_rotated(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        key_file.rotate(tmp_path / "keys.json", LoadedDice(5).draw, START)
