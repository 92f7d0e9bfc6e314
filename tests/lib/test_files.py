"""Reading what somebody else may have put there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from backburner.lib.files import OutsideRoot, read_beneath, read_ordinary


def test_a_pipe_or_a_device_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    before = len(os.listdir("/proc/self/fd"))
    for name in ("pipe", "zero", "folder"):
        with pytest.raises(OSError, match="not an ordinary file"):
            read_ordinary(tmp_path / name)
        with pytest.raises((OSError, OutsideRoot)):
            read_beneath(tmp_path, name)
    assert len(os.listdir("/proc/self/fd")) == before


def test_an_ordinary_file_is_read_also_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 9)
    (tmp_path / "link").symlink_to("file")
    assert read_ordinary(tmp_path / "link", 9) == read_beneath(tmp_path, "file") == b"x" * 9
    with pytest.raises(OSError, match="more than 8 bytes"):
        read_ordinary(tmp_path / "file", 8)
    with pytest.raises(OutsideRoot):
        read_beneath(tmp_path, "link")
