"""What must hold between the entries of a plant file; each breach becomes a fault with a cure."""

from collections.abc import Iterable
from itertools import combinations

from edge_agent.plantfile.address import ModbusAddress, Serial
from edge_agent.plantfile.blocks import plan_blocks
from edge_agent.plantfile.entries import DAY, Meter, Plant, Press, Shift, minute
from edge_agent.plantfile.faults import Faults
from edge_agent.plantfile.profile import Channel
from edge_agent.plantfile.register import Register
from edge_agent.plantfile.tomlfile import Keys, TomlFile, tables_in

OVERHEAD = 13  # bytes of a request (8) and of an answer (5) besides the registers

Device = Press | Meter


def check_plant(plant: Plant, file: TomlFile, faults: Faults, *, addresses: bool) -> None:
    """Add every breach between entries to `faults`."""
    check = PlantCheck(plant, file, faults)
    check.names()
    check.references()
    check.shifts()
    for device in plant.devices:
        check.roles(device)
        check.overlaps(device)
        check.lengths(device)
        check.products(device)
        if addresses:
            check.addresses(device)
    check.counted_once()
    check.links()
    check.servers()


class PlantCheck:
    """The checks of one plant; entries are found again in the file by their name."""

    def __init__(self, plant: Plant, file: TomlFile, faults: Faults) -> None:
        self.plant = plant
        self.file = file
        self.faults = faults

    def keys(self, entry: Device | Shift, *more: str) -> Keys:
        """Where an entry stands in the file."""
        if isinstance(entry, Shift):
            return ("shift", self._number("shift", "code", entry.code), *more)
        table = "press" if isinstance(entry, Press) else "meter"
        return (table, self._number(table, "name", entry.name), *more)

    def _number(self, table: str, key: str, name: str, nth: int = 0) -> int:
        entries = tables_in(self.file.data[table])
        return [n for n, entry in enumerate(entries) if entry.get(key) == name][nth]

    def fault(self, keys: Keys, what: str, cure: str) -> None:
        """One breach, at a key of the plant file."""
        self.faults.add(self.file, keys, what, cure)

    def names(self) -> None:
        """No name twice; a press and a meter are both devices and share one set of names."""
        self._unique("line", "name", [line.name for line in self.plant.lines])
        self._unique("shift", "code", [shift.code for shift in self.plant.shifts])
        self._unique("press", "name", [press.name for press in self.plant.presses])
        self._unique("meter", "name", [meter.name for meter in self.plant.meters])
        presses = {press.name for press in self.plant.presses}
        for meter in self.plant.meters:
            if meter.name in presses:
                what = f"duplicate name: {meter.name} is a press already"
                self.fault(
                    self.keys(meter, "name"), what, f'rename it, for example "{meter.name}-kWh"'
                )

    def _unique(self, table: str, key: str, names: Iterable[str]) -> None:
        seen: dict[str, int] = {}
        for name in names:
            seen[name] = seen.get(name, -1) + 1
            if seen[name]:
                keys = (table, self._number(table, key, name, seen[name]), key)
                first = self.file.place((table, self._number(table, key, name), key))
                what = f"duplicate name: {table} {name} stands at {first} already"
                self.fault(keys, what, f"give each {table} a {key} of its own")

    def references(self) -> None:
        """Every line and press that is named exists."""
        lines, presses = self._written("line"), self._written("press")
        for device in self.plant.devices:
            if device.line is not None and device.line not in lines:
                self._unknown(device, "line", device.line, lines)
            if isinstance(device, Meter) and device.press and device.press not in presses:
                self._unknown(device, "press", device.press, presses)

    def _written(self, table: str) -> list[str]:
        """Names in the file, also of entries that have other faults."""
        return [str(entry.get("name")) for entry in tables_in(self.file.data.get(table))]

    def _unknown(self, device: Device, key: str, name: str, there: list[str]) -> None:
        cure = f'name one of {", ".join(there) or "none yet"}, or add [[{key}]] name = "{name}"'
        self.fault(self.keys(device, key), f"there is no {key} {name!r}", cure)

    def shifts(self) -> None:
        """Shifts of a day do not overlap, and breaks lie within their shift."""
        for one, other in combinations(self.plant.shifts, 2):
            (a, b), (c, d) = one.span, other.span
            if any(a < d + turn and c + turn < b for turn in (-DAY, 0, DAY)):
                what = f"shift {other.code} overlaps shift {one.code}"
                self.fault(self.keys(other, "start"), what, "let one end where the next starts")
        for shift in self.plant.shifts:
            start, end = shift.span
            for pause in shift.breaks:
                since = minute(pause.start) + (DAY if minute(pause.start) < start else 0)
                until = minute(pause.end) + (DAY if minute(pause.end) <= start else 0)
                if not start <= since < until <= end:
                    what = f"break {pause.start:%H:%M}-{pause.end:%H:%M} is not within the shift"
                    self.fault(self.keys(shift, "breaks"), what, "move it between start and end")

    def roles(self, device: Device) -> None:
        """The channels that count and tell running exist and are of the right kind."""
        if device.name in self.faults.unclear:
            return
        if isinstance(device, Meter):
            self._role(device, "energy", device.energy, ("counter", "gauge"))
            return
        self._role(device, "stroke_counter", device.stroke_counter, ("counter",))
        if device.run_signal is not None:
            self._role(device, "run_signal", device.run_signal, ("state",))

    def _role(self, device: Device, key: str, name: str, kinds: tuple[str, ...]) -> None:
        channel = device.channel(name)
        if channel is None:
            there = ", ".join(channel.name for channel in device.channels) or "it has none"
            cure = f"name one of its channels ({there}) or give it a profile that has one"
            self.fault(self.keys(device, key), f"there is no channel {name!r}", cure)
        elif channel.kind not in kinds:
            what = f"channel {name!r} is a {channel.kind}, not a {' or '.join(kinds)}"
            self.fault(self.keys(device, key), what, "name another channel or mend its kind")

    def overlaps(self, device: Device) -> None:
        """Two channels read the same registers only in the same way."""
        placed = [(c, c.where) for c in device.channels if c.where is not None]
        for (one, a), (other, b) in combinations(placed, 2):
            if _clash(a, b):
                what = (
                    f"overlapping address: channel {other.name} ({b}) overlaps "
                    f"channel {one.name} ({a})"
                )
                cure = "mend the address or the type of one of them"
                self.fault(self._channel_keys(device, other), what, cure)

    def lengths(self, device: Device) -> None:
        """Every value fits into one read, so that it cannot be torn."""
        for channel in device.channels:
            where = channel.where
            if where is not None and not where.is_bit and where.width > device.longest_read:
                what = (
                    f"channel {channel.name} ({where}) takes {where.width} registers, more than "
                    f"longest_read = {device.longest_read}"
                )
                cure = (
                    "give it a register of its own width; one that the device gives in several "
                    "requests could be torn"
                )
                self.fault(self._channel_keys(device, channel), what, cure)

    def products(self, device: Device) -> None:
        """What a register is multiplied by is a number that is read from the same machine."""
        for channel in device.channels:
            for name in channel.times:
                factor = device.channel(name)
                if factor is None:
                    what = f"channel {channel.name} is multiplied by {name!r}, which is not there"
                elif factor.where is None or factor.where.type in ("bool", "text") or factor.times:
                    what = f"channel {channel.name} cannot be multiplied by {name}"
                else:
                    continue
                cure = "name channels of this machine that are plain numbers in registers"
                self.fault(self._channel_keys(device, channel), what, cure)

    def _channel_keys(self, device: Device, channel: Channel) -> Keys:
        """A channel of the device's own in the file, else the profile that brought it."""
        keys = self.keys(device)
        own = self.file.data[str(keys[0])][keys[1]].get("channel")
        for number, entry in enumerate(tables_in(own)):
            if entry.get("name") == channel.name:
                return (*keys, "channel", number)
        return (*keys, "profile")

    def addresses(self, device: Device) -> None:
        """Every machine has an address, and every channel a place that fits it."""
        if device.where is None:
            cure = 'add address = "modbus://192.168.1.20:502/1" or "opc.tcp://…"'
            self.fault(self.keys(device, "address"), "is missing", cure)
            return
        modbus = isinstance(device.where, ModbusAddress)
        need = 'register = "holding:16:uint16"' if modbus else 'node_id = "ns=2;s=…"'
        for channel in device.channels:
            if (channel.where if modbus else channel.node_id or channel.path) is None:
                what = f"channel {channel.name} cannot be read at {device.address}"
                self.fault(self._channel_keys(device, channel), what, f"give it {need}")

    def counted_once(self) -> None:
        """No register counts for two machines: that would book every stroke twice."""
        seen: dict[tuple[str, str], Device] = {}
        for device in self.plant.devices:
            name = device.energy if isinstance(device, Meter) else device.stroke_counter
            channel = device.channel(name)
            if device.where is None or channel is None or not channel.source:
                continue
            first = seen.setdefault((str(device.where), channel.source), device)
            if first is not device:
                what = (
                    f"overlapping address: {device.name} and {first.name} both count "
                    f"{channel.source} at {device.where}"
                )
                self.fault(self.keys(device, "address"), what, "give each its own address")

    def links(self) -> None:
        """One connection or line has one kind of frame and one speed."""
        seen: dict[str, Device] = {}
        for device in self.plant.devices:
            if not isinstance(device.where, ModbusAddress):
                continue
            link = device.where.link
            first = seen.setdefault(link.name, device)
            assert isinstance(first.where, ModbusAddress)
            if first.where.link != link:
                what = f"{device.name} and {first.name} use {link.name} with different settings"
                cure = "give all machines behind one port or line the same, as set in the machines"
                self.fault(self.keys(device, "address"), what, cure)
            if isinstance(link, Serial):
                self._in_time(device, link)

    def _in_time(self, device: Device, line: Serial) -> None:
        """The longest answer can be sent before patience ends."""
        places = [channel.where for channel in device.channels if channel.where is not None]
        blocks = plan_blocks(
            places, device.longest_read, device.widest_hole, device.longest_bit_read
        )
        longest = max((block.bytes for block in blocks), default=0)
        needed = 1000 * line.seconds(OVERHEAD + longest)
        if needed > device.timeout_ms:
            what = (
                f"timeout_ms = {device.timeout_ms} is too short: an answer of {longest} bytes "
                f"takes {needed:.0f} ms at {line.baud} baud"
            )
            cure = "raise timeout_ms, lower longest_read, or set the machine to a higher baud"
            self.fault(self.keys(device, "address"), what, cure)

    def servers(self) -> None:
        """An OPC UA server has one entry, and a machine that is read from it."""
        read = {str(device.where) for device in self.plant.devices}
        seen: set[str] = set()
        for number, server in enumerate(self.plant.servers):
            keys, address = ("opcua", number, "address"), str(server.where)
            if address in seen:
                self.fault(keys, f"{address} has an entry already", "take one of them out")
            elif address not in read:
                cure = "write it as the machine has it, or take the entry out"
                self.fault(keys, f"no machine is read from {address}", cure)
            seen.add(address)


def _clash(a: Register, b: Register) -> bool:
    if a.table != b.table or a.end <= b.address or b.end <= a.address:
        return False
    same = (a.address, a.kind) == (b.address, b.kind)
    return not same and (a.width, b.width) != (1, 1)
