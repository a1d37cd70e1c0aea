"""The simulated factory, a process of its own: `python -m pressline.demo.factory FACTORY.json`.

FACTORY.json: `truth` (folder), `presses` (name, profile, port, spm, counter, modulus), `meters`
(name, port, presses, idle_w, stroke_wh). It is steered by one JSON object a line on standard
input, each answered by one line on standard output; when the input ends, it ends.

    {"do": "start"|"stop"|"power_on"|"network_off"|"network_on", "press": "P01"}
    {"do": "power_off", "press": "P01", "keep": 1}   keep: its counter has a battery
    {"do": "jam", "press": "P04", "seconds": 8}
    {"do": "look"}  ->  {"P01": {"read": true, "settled": false, "known": true}, …}
"""

import asyncio
import contextlib
import json
import logging
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pressline.demo.plc import SHEETS, ModbusMachine, meter_machine, press_machine
from pressline.demo.twin import Energy, Twin

if TYPE_CHECKING:
    from pressline.demo.opcua_plc import OpcuaMachine

SHOW_EVERY = 0.02  # seconds between looks of an OPC UA machine at its own press


@dataclass
class Factory:
    """All twins with the machines that answer for them."""

    twins: dict[str, Twin] = field(default_factory=dict[str, Twin])
    modbus: dict[str, ModbusMachine] = field(default_factory=dict[str, ModbusMachine])
    opcua: dict[str, "OpcuaMachine"] = field(default_factory=dict[str, "OpcuaMachine"])

    async def power_on(self) -> None:
        """Switch every machine on."""
        for machine in [*self.modbus.values(), *self.opcua.values()]:
            await machine.power_on()

    async def power_off(self) -> None:
        """Switch every machine off."""
        for machine in [*self.modbus.values(), *self.opcua.values()]:
            await machine.power_off()

    async def work(self) -> None:
        """Let all presses work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for twin in self.twins.values():
                group.create_task(twin.work())
            for machine in self.opcua.values():
                group.create_task(_keep_showing(machine))

    async def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        """Do one order; an unknown one is answered with an error."""
        press = order.get("press")
        match order["do"]:
            case "look":
                return {
                    name: {
                        "read": twin.has_been_read,
                        "settled": twin.settled,
                        "known": twin.is_known_again,
                    }
                    for name, twin in self.twins.items()
                }
            case "start" if press in self.twins:
                self.twins[press].start()
            case "stop" if press in self.twins:
                self.twins[press].stop()
            case "jam" if press in self.twins:
                self.twins[press].jam(order["seconds"])
            case "power_off" if press in self.twins:
                await self._machine(press).power_off()
                if not order.get("keep"):
                    self.twins[press].lose_power()
            case "power_on" if press in self.twins:
                await self._machine(press).power_on()
            case "network_off" | "network_on" if press in self.modbus:
                self.modbus[press].reachable = order["do"] == "network_on"
            case _:
                return {"error": f"no such order: {order}"}
        return {"ok": True}

    def _machine(self, press: str) -> "ModbusMachine | OpcuaMachine":
        return self.modbus[press] if press in self.modbus else self.opcua[press]


def build(plan: dict[str, Any]) -> Factory:
    """The factory that FACTORY.json describes."""
    factory, truth = Factory(), Path(plan["truth"])
    truth.mkdir(parents=True, exist_ok=True)
    for entry in plan["presses"]:
        name = entry["name"]
        twin = factory.twins[name] = Twin(
            name, entry["spm"], truth / f"{name}.csv", entry["counter"], entry["modulus"]
        )
        twin.die = entry.get("die", "")
        if entry["profile"] in SHEETS:
            sheet = SHEETS[entry["profile"]]
            factory.modbus[name] = press_machine(entry["port"], sheet, twin)
        else:
            factory.opcua[name] = _opcua_machine(entry["port"], twin)
    for entry in plan["meters"]:
        fed = [factory.twins[name] for name in entry["presses"]]
        energy = Energy(fed, entry["start_wh"], entry["idle_w"], entry["stroke_wh"])
        factory.modbus[entry["name"]] = meter_machine(entry["port"], energy)
    return factory


def _opcua_machine(port: int, twin: Twin) -> "OpcuaMachine":
    from pressline.demo.opcua_plc import OpcuaMachine  # noqa: PLC0415 - a second of start time

    return OpcuaMachine(port, twin)


async def run(plan: dict[str, Any]) -> None:
    """Run the factory until its input ends or it is told to stop."""
    factory = build(plan)
    await factory.power_on()
    work = asyncio.create_task(factory.work())
    listening = asyncio.create_task(_listen(factory))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, listening.cancel)
    _say({"ready": True})
    await asyncio.wait([work, listening], return_when=asyncio.FIRST_COMPLETED)
    broken = work.exception() if work.done() and not work.cancelled() else None
    for task in (work, listening):
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    await factory.power_off()
    if broken is not None:
        raise broken


async def _keep_showing(machine: "OpcuaMachine") -> None:
    while True:
        await machine.show()
        await asyncio.sleep(SHOW_EVERY)


async def _listen(factory: Factory) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    try:
        async for line in reader:
            _say(await factory.obey(json.loads(line)))
    finally:
        transport.close()


def _say(reply: dict[str, Any]) -> None:
    print(json.dumps(reply), flush=True)  # noqa: T201 - the control channel


def main() -> None:
    """Run the factory that the file given on the command line describes."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    logging.getLogger("asyncua").setLevel(logging.ERROR)
    asyncio.run(run(json.loads(Path(sys.argv[1]).read_text())))


if __name__ == "__main__":
    main()
