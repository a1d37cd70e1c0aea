"""One OPC UA press for all stories of this folder: its address space takes seconds to build."""

import asyncio
from collections.abc import Generator

import pytest
from opcua_press import PressServer, Stage


@pytest.fixture(scope="session")
def stage() -> Generator[Stage]:
    with asyncio.Runner() as runner:
        press = PressServer()
        runner.run(press.__aenter__())
        yield Stage(runner, press)
        runner.run(press.__aexit__())
