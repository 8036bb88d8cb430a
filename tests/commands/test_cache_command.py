"""``tapegraph cache``: what it lists, what it deletes, what it asks, and folders that are empty, missing or foreign."""

import json
import os

import pytest

from compiler import cache
from tapegraph.commands.main import main


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TAPEGRAPH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_memory", {})
    return tmp_path / "cache"


@pytest.fixture
def filled(folder):
    text = "def kernel(p0, p1):\n    p1[0] = sqrt(p0[0])\n    return 0\n"
    for number in range(25):
        cache.store(f"key {number}", bytes(1000 + number), text)
        os.utime(cache._path(f"key {number}"), (1e9 + number, 1e9 + number))
    return folder


def test_ls_shows_the_newest_and_the_total(filled, capsys):
    assert main(["cache"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].split() == ["computes", "size", "age", "made", "for"] and len(shown) == 23
    assert shown[1].startswith("sqrt(a)") and shown[1].endswith("this machine") and "weeks" in shown[1]
    assert shown[-2] == "... and 5 older ones (--limit 0 lists all)"
    assert shown[-1].startswith("25 kernels, 31 KiB") and shown[-1].endswith(f"in {filled}")


def test_json_has_every_kernel(filled, capsys):
    assert main(["cache", "ls", "--json", "--limit", "2"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kernels"] == len(found["items"]) == 25 and found["path"] == str(filled)
    first = found["items"][0]
    assert first["computes"] == "sqrt(a)" and first["usable"] and first["made"] == 1e9 + 24
    assert first["stamps"] == found["now"]


def test_what_other_versions_made_is_told(filled, monkeypatch, capsys):
    monkeypatch.setattr(cache, "environment", lambda: "x")
    monkeypatch.setattr(cache, "stamps", lambda: {"python": "3.99.0", "environment": "x"})
    assert main(["cache", "--limit", "1"]) == 0
    shown = capsys.readouterr().out
    assert "python 3." in shown.splitlines()[1] and "25 made by other versions or for another CPU" in shown


def test_clear_needs_a_yes(filled, monkeypatch, capsys):
    with pytest.raises(SystemExit) as refused:
        main(["cache", "clear"])  # stdin is no terminal
    assert refused.value.code == 2 and "--yes" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", Answers("no\n"))
    assert main(["cache", "clear"]) == 1
    assert len(list(cache.files())) == 25 and "nothing was deleted" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", Answers("y\n"))
    assert main(["cache", "clear"]) == 0
    assert not list(cache.files()) and "deleted 25 kernels" in capsys.readouterr().out


class Answers:
    """A terminal at which somebody types this."""

    def __init__(self, text):
        self.text = text

    def isatty(self):
        return True

    def readline(self):
        return self.text


def test_clear_of_an_age(filled, capsys):
    cache.store("new", b"code")
    assert main(["cache", "clear", "--older-than", "30d", "--yes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["deleted"] == 25
    assert cache.fetch("new") == b"code"


def test_what_cannot_be_deleted_is_told(filled, monkeypatch, capsys):
    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.unlink", refuse)
    assert main(["cache", "clear", "--yes"]) == 1
    assert "25 kernels could not be deleted: Permission denied" in capsys.readouterr().err


def test_nothing_there(folder, capsys):
    assert main(["cache"]) == main(["cache", "clear"]) == 0
    assert main(["cache", "path"]) == 0
    assert capsys.readouterr().out == f"0 kernels, 0 B in {folder}\ndeleted 0 kernels, 0 B\n{folder}\n"


@pytest.mark.parametrize("age", ["30", "d", "3y", ""])
def test_ages_that_are_none(age, capsys):
    with pytest.raises(SystemExit) as refused:
        main(["cache", "--older-than", age])
    assert refused.value.code == 2 and "such as 30d" in capsys.readouterr().err
