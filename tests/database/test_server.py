"""The embedded server lets in who started it, and nobody else."""

import os
import pwd
import stat
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from database.server import Server, server_account


def knock(folder: Path, role: str) -> str:
    """What somebody without a name here is told."""
    os.setgroups([])
    os.setgid(pwd.getpwnam("daemon").pw_gid)
    os.setuid(pwd.getpwnam("daemon").pw_uid)
    try:
        psycopg.connect(f"postgresql://{role}@/postgres?host={folder}", connect_timeout=5).close()
    except psycopg.OperationalError as error:
        return str(error)
    return "let in"


def folder_of(server: Server) -> Path:
    return Path(str(conninfo_to_dict(server.url)["host"]))


def test_its_folders_are_closed_to_others(own_server: Server) -> None:
    for folder in (folder_of(own_server), own_server.data):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder
    assert not own_server.data.parent.stat().st_mode & (stat.S_IRWXO | stat.S_IWGRP | stat.S_IRGRP)


def test_no_user_but_ours_is_let_in_even_where_the_folder_is_open(own_server: Server) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may try as another user")
    folder = folder_of(own_server)
    door = folder.stat().st_mode
    folder.chmod(0o755)
    try:
        for role in ("postgres", "pressline_web"):
            with ProcessPoolExecutor(1, get_context("fork")) as stranger:
                said = stranger.submit(knock, folder, role).result()
                assert "Peer authentication failed" in said, role
    finally:
        folder.chmod(door)


def test_it_keeps_none_of_our_groups(own_server: Server) -> None:
    status = Path(f"/proc/{own_server.pid}/status").read_text().splitlines()
    told = {line.split(":")[0]: line.split(":")[1].split() for line in status}
    account = server_account()
    if account is None:
        assert set(told["Uid"]) == {str(os.getuid())}
        return
    assert set(told["Uid"]) == {str(account.uid)}
    assert set(told["Gid"]) == {str(account.gid)}
    assert told["Groups"] == []
