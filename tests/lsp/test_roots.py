"""Which project owns a file, and how a client's URIs are kept."""

from __future__ import annotations

from pathlib import Path

from backburner.lsp.roots import Owned, Roots


def opened(*folders: Path) -> Roots:
    roots = Roots()
    roots.set_folders(folder.as_uri() for folder in folders)
    return roots


def test_the_innermost_marked_folder_owns_a_file(tmp_path: Path) -> None:
    (tmp_path / "outer/.git").mkdir(parents=True)
    (tmp_path / "outer/inner/.git").mkdir(parents=True)
    (tmp_path / "outer/src").mkdir()
    roots = opened(tmp_path / "outer/src")
    assert roots.owner((tmp_path / "outer/src/a.py").as_uri()) == Owned(tmp_path / "outer", "src/a.py")
    assert roots.owner((tmp_path / "outer/inner/b.py").as_uri()) == Owned(tmp_path / "outer/inner", "b.py")
    assert roots.first() == tmp_path / "outer"


def test_without_a_mark_the_innermost_opened_folder_owns_it(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    roots = opened(tmp_path / "a", tmp_path / "a/b")
    assert roots.owner((tmp_path / "a/b/x.txt").as_uri()) == Owned(tmp_path / "a/b", "x.txt")
    roots.change_folders([], [(tmp_path / "a/b").as_uri()])
    assert roots.owner((tmp_path / "a/b/x.txt").as_uri()) == Owned(tmp_path / "a", "b/x.txt")


def test_a_lone_file_is_owned_by_its_folder(tmp_path: Path) -> None:
    roots = opened()
    assert roots.owner((tmp_path / "x.txt").as_uri()) == Owned(tmp_path, "x.txt")
    assert roots.first() is None


def test_what_is_no_file_has_no_owner(tmp_path: Path) -> None:
    roots = opened(tmp_path)
    assert roots.owner("untitled:Untitled-1") is None
    assert roots.owner("git:/x/a.py") is None


def test_uris_come_back_as_the_client_spells_them(tmp_path: Path) -> None:
    (tmp_path / "real/.git").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    roots = opened(tmp_path / "link")
    odd = (tmp_path / "link/a%2Cb.py").as_uri().replace("%252C", "%2c")
    owned = roots.owner(odd)
    assert owned == Owned(tmp_path / "real", "a,b.py")
    assert roots.uri(owned.root, owned.path) == odd
    assert roots.uri(tmp_path / "real", "never/opened.py") == (tmp_path / "link/never/opened.py").as_uri()
