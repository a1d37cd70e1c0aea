"""The demo's MQTT broker: mosquitto where it is installed, else amqtt in a process of its own.

`python -m pressline.demo.broker PORT` runs amqtt (MQTT 3.1.1 only).
"""

import asyncio
import getpass
import os
import shutil
import signal
import socket
import sys
from pathlib import Path

SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")  # not on every PATH


def find_mosquitto() -> str | None:
    """The mosquitto program, if this machine has it."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *SYSTEM_FOLDERS])
    return shutil.which("mosquitto", path=path)


def kept_by_broker(folder: Path) -> Path:
    """Where mosquitto keeps sessions, retained and queued messages."""
    return folder / "broker"


def broker_command(folder: Path, port: int, mosquitto: str | None) -> list[str]:
    """The command that serves MQTT on a loopback port."""
    if mosquitto is None:
        return [sys.executable, "-m", "pressline.demo.broker", str(port)]
    settings, kept = folder / "mosquitto.conf", kept_by_broker(folder)
    kept.mkdir(exist_ok=True)
    settings.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nuser {getpass.getuser()}\n"
        f"persistence true\npersistence_location {kept}/\n"
        "autosave_interval 5\n"
        "set_tcp_nodelay true\nlog_dest stderr\n"
    )
    return [mosquitto, "-c", str(settings)]


def answers(port: int) -> bool:
    """Whether something listens on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def serve(port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    from amqtt.broker import Broker  # noqa: PLC0415 - slow, and needed without mosquitto only

    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {}},
        }
    )
    await broker.start()
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    await told.wait()
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
