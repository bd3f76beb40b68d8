"""Where keys come from, and who may read them."""

import os
import stat
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from connector.config.variables import KEYS_VARIABLE
from connector.ledger.keyring import Keyring
from connector.model.errors import ConfigurationError
from connector.preflight import key_changes
from connector.preflight.keyfile import load_keyring
from tests.ledger.ledgers import NAME

KEY = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU"
OTHER_KEY = "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg="


def key_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "ledger.keys"
    path.write_text(text, "ascii")
    path.chmod(mode)
    return path


def loaded(path: Path, environ: Mapping[str, str] | None = None) -> Keyring:
    return load_keyring(path, environ or {}, ledger=path.with_name(NAME))


def refusal(path: Path, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigurationError) as refused:
        loaded(path, environ)
    return str(refused.value)


def test_the_first_start_makes_a_private_key_file_and_the_second_one_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "ledger.keys"
    first = loaded(path)
    assert loaded(path).unseal("p", first.seal("p", b"secret")) == b"secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [*path.parent.iterdir()] == [path]


def test_of_many_first_starts_at_once_one_makes_the_keys_and_all_use_them(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "ledger.keys"
    with ThreadPoolExecutor(16) as threads:
        rings = [*threads.map(lambda _: loaded(path), range(64))]
    assert len({ring.mac("p", b"message") for ring in rings}) == 1


def test_the_first_line_is_the_current_key_and_remarks_are_left_out(tmp_path: Path) -> None:
    ring = loaded(key_file(tmp_path, f"# rotated in May\nmay:{KEY}\n\napril:{OTHER_KEY} # to be removed\n"))
    assert ring.ids == ("may", "april")
    assert ring.current == "may"


def test_the_variable_wins_over_the_file_which_is_not_even_made(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "ledger.keys"
    assert loaded(path, {KEYS_VARIABLE: f"a:{KEY},b:{OTHER_KEY}"}).ids == ("a", "b")
    assert not path.parent.exists()


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    assert f"mode {mode:04o}" in refusal(key_file(tmp_path, f"a:{KEY}", mode))


def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        path = key_file(tmp_path, f"a:{KEY}")
        os.chown(path, 65534, 65534)
    else:
        path = Path("/etc/passwd")
    assert "belongs to the user with the id" in refusal(path)


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    assert str(tmp_path) in refusal(tmp_path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "ledger.key_file" in refusal(tmp_path / "file" / "keys" / "ledger.keys")


MALFORMED = ["# nothing", KEY, f"a:{KEY[:-1]}", f"a:{KEY}x", f"a b:{KEY}", f"a:{KEY[:-1]}!", f"a:{KEY}\na:{OTHER_KEY}"]


@pytest.mark.parametrize("text", MALFORMED)
def test_what_is_no_key_is_told_by_its_place_and_never_repeated(tmp_path: Path, text: str) -> None:
    from_variable, from_file = refusal(tmp_path / "none", {KEYS_VARIABLE: text}), refusal(key_file(tmp_path, text))
    assert KEYS_VARIABLE in from_variable
    assert "ledger.key_file" in from_file
    assert KEY[:12] not in from_variable + from_file


def test_a_key_that_is_added_while_a_server_makes_the_file_takes_no_other_ones_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.keys"
    (made,) = load_keyring(path, {}, ledger=tmp_path / "ledger.sqlite3").ids
    monkeypatch.setattr(key_changes, "is_there", lambda _: False)  # as it was a moment before

    added = key_changes.add_key(path, {}, ledger=None)

    assert [*load_keyring(path, {}, ledger=tmp_path / "ledger.sqlite3").ids] == [made, added]


@pytest.mark.parametrize("remark", ["# Schl\u00fcssel von J\u00f6rg".encode(), b"# Schl\xfcssel", "# \u9375".encode()])
def test_a_remark_in_any_letters_survives_each_change(tmp_path: Path, remark: bytes) -> None:
    path = key_file(tmp_path, "")
    path.write_bytes(remark + f"\nold:{KEY} ".encode() + remark + b"\n")

    added = key_changes.add_key(path, {}, ledger=None)
    key_changes.change_keys(path, key_changes.promoted(added), {})
    between = path.read_bytes().splitlines()
    key_changes.change_keys(path, key_changes.retired("old"), {})

    assert [*loaded(path).ids] == [added]
    assert (between[0], between[2]) == (remark, f"old:{KEY} ".encode() + remark)
    assert path.read_bytes().splitlines()[0] == remark


def test_keys_that_are_added_at_once_are_all_there(tmp_path: Path) -> None:
    path = key_file(tmp_path, f"old:{KEY}\n")
    with ThreadPoolExecutor(8) as threads:
        added = [*threads.map(lambda _: key_changes.add_key(path, {}, ledger=None), range(24))]
    assert {*loaded(path).ids} == {"old", *added}


def test_a_change_that_does_not_end_is_told_and_not_waited_for_any_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_changes, "LONGEST", 0)
    path = key_file(tmp_path, f"old:{KEY}\n")
    with key_changes.changing(path), pytest.raises(ConfigurationError, match="another command is changing it"):
        key_changes.add_key(path, {}, ledger=None)
    assert [*loaded(path).ids] == ["old"]
    assert stat.S_IMODE((tmp_path / "ledger.keys.changing").stat().st_mode) == 0o600

    key_changes.add_key(path, {}, ledger=None)
    assert len([*loaded(path).ids]) == 2


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (key_changes.promoted("gone"), "gone: is no key any more"),
        (key_changes.retired("gone"), "gone: is no key any more"),
        (key_changes.retired("old"), "old: is the first key by now"),
    ],
)
def test_what_another_command_has_changed_meanwhile_is_seen(tmp_path: Path, change: key_changes.Change, why: str) -> None:
    path = key_file(tmp_path, text := f"old:{KEY}\nnew:{OTHER_KEY}\n")
    with pytest.raises(ConfigurationError, match=why):
        key_changes.change_keys(path, change, {})
    assert path.read_text() == text
