"""Child processes of the demo, and its broker."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from pressline.demo.broker import answers, broker_command, find_mosquitto
from pressline.demo.processes import Children, DemoError
from pressline.demo.shopfloor import first_free_port, free_ports

LIMIT = 20.0  # seconds
SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('up', flush=True); time.sleep(600)",
]


def until(met: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT
    while not met():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    made = Children(tmp_path)
    yield made
    made.stop()


def test_a_child_that_dies_is_told_with_the_end_of_its_log(children: Children) -> None:
    dying = [sys.executable, "-c", "import sys; print('no such port'); sys.exit(3)"]
    child = children.start_program("edge", dying)
    assert child.process is not None
    child.process.wait(LIMIT)
    with pytest.raises(DemoError, match=r"(?s)edge \(pid \d+\).*exit code 3.*no such port"):
        children.check()


def test_a_killed_child_is_started_again_under_another_pid(children: Children) -> None:
    first = children.start_program("ingest", SLEEPER)
    before, after = children.restart_killed("ingest", 0)
    assert before != after
    assert not alive(before)
    assert alive(after)
    assert first.pid == after
    children.check()


def test_stopping_leaves_no_process_even_one_that_will_not_end(
    children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pressline.demo.processes.STOP_LIMIT", 0.3)
    pids = [
        children.start_program("easy", SLEEPER).pid,
        children.start_program("stubborn", STUBBORN).pid,
    ]
    until(lambda: "up" in (children.logs / "stubborn.log").read_text())
    children.stop()
    assert not any(alive(pid) for pid in pids)


def test_children_do_not_outlive_a_killed_demo(tmp_path: Path) -> None:
    demo = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path;"
            "from pressline.demo.processes import Children;"
            f"child = Children(Path({str(tmp_path)!r})).start_program('web', {SLEEPER!r});"
            "print(child.pid, flush=True); time.sleep(600)",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    with demo:
        assert demo.stdout is not None
        pid = int(demo.stdout.readline())
        assert alive(pid)
        demo.send_signal(signal.SIGKILL)
    until(lambda: not alive(pid) or _is_zombie(pid))


def _is_zombie(pid: int) -> bool:
    """In a container nobody may reap orphans; a zombie runs no more."""
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z"


@pytest.mark.parametrize("program", [None, find_mosquitto()], ids=["amqtt", "mosquitto"])
def test_the_broker_passes_messages_on(
    children: Children, tmp_path: Path, program: str | None, request: pytest.FixtureRequest
) -> None:
    if program is None and "mosquitto" in request.node.callspec.id:
        pytest.skip("no mosquitto on this machine")
    port = free_ports(1)[0]
    children.start_program("broker", broker_command(tmp_path, port, program))
    until(lambda: answers(port))
    got = threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _client, _data, _message: got.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.publish("site/test", b"x", qos=1, retain=True).wait_for_publish(LIMIT)
    client.subscribe("site/#", qos=1)
    assert got.wait(LIMIT)
    client.disconnect()
    client.loop_stop()


def test_a_taken_page_port_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        wanted = taken.getsockname()[1]
        assert first_free_port(wanted) > wanted
    assert first_free_port(wanted) == wanted
