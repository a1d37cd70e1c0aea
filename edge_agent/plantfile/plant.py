"""Reads a plant file and the profiles it names, and checks everything before anything starts.

`config/plant.toml` is the commented sample. Every fault is told with file, line, key and cure.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import ValidationError

from edge_agent.errors import PlantError
from edge_agent.plantfile.checks import check_plant
from edge_agent.plantfile.entries import (
    Break,
    Line,
    Meter,
    Mqtt,
    OpcUa,
    Outbox,
    Plant,
    Press,
    Shift,
)
from edge_agent.plantfile.faults import Faults
from edge_agent.plantfile.profile import SHIPPED, Channel, Entry, Profile
from edge_agent.plantfile.tomlfile import Keys, TomlFile, read_toml

__all__ = [
    "Break", "Channel", "Line", "Meter", "Mqtt", "OpcUa", "Outbox", "Plant", "PlantError",
    "Press", "Shift", "load_plant",
]  # fmt: skip

Table = dict[str, Any]
EntryT = TypeVar("EntryT", bound=Entry)
DeviceT = TypeVar("DeviceT", Press, Meter)
LISTS = ("shift", "line", "press", "meter", "opcua")
LIMITS = (
    "longest_read", "longest_bit_read", "widest_hole", "pause_ms", "retries", "transaction",
    "nodes_per_call",
)  # fmt: skip
PLACES = ("register", "node_id", "path")
UNREADABLE = Plant.model_validate(  # stands in for wrong keys of the plant, so that checks go on
    {"site": "unreadable", "node": "unreadable", "time_zone": "UTC"}
)


def load_plant(path: Path, *, addresses: bool = True) -> Plant:
    """Read a plant file and the profiles it names, completely checked.

    `addresses=False` (scenarios) lets addresses and registers be left out. Profiles are looked up
    in `profiles/` beside the plant file, then among those shipped. Raises PlantError with every
    fault found.
    """
    file = read_toml(path)
    faults = Faults()
    plant = PlantReading(file, faults).plant()
    check_plant(plant, file, faults, addresses=addresses)
    if faults.found:
        raise PlantError(faults.in_order())
    return plant


class PlantReading:
    """One pass over a plant file. Each table is read by itself, so that no fault hides another."""

    def __init__(self, file: TomlFile, faults: Faults) -> None:
        self.file = file
        self.faults = faults
        self.folders = (file.path.parent / "profiles", SHIPPED)
        self.profiles: dict[str, KnownProfile | None] = {}

    def plant(self) -> Plant:
        """The plant with every entry that could be read."""
        own = {key: value for key, value in self.file.data.items() if key not in LISTS}
        head = self._entry(self.file, (), own, Plant) or UNREADABLE
        found = {
            "shifts": self._entries("shift", Shift),
            "lines": self._entries("line", Line),
            "presses": self._devices("press", Press),
            "meters": self._devices("meter", Meter),
            "servers": self._entries("opcua", OpcUa),
        }
        return _filled(head.model_copy(update=found), self.file.path.parent)

    def _entry(
        self, file: TomlFile, keys: Keys, table: object, model: type[EntryT]
    ) -> EntryT | None:
        try:
            return model.model_validate(table)
        except ValidationError as error:
            self.faults.add_all(file, keys, error, model)
            return None

    def _tables(self, file: TomlFile, keys: Keys, table: Table) -> list[tuple[Keys, Table]]:
        """The tables of an array `[[key]]`; anything else under that key is a fault."""
        key = str(keys[-1])
        found = table.get(key, [])
        entries = cast("list[object]", found) if isinstance(found, list) else [None]
        if all(isinstance(entry, dict) for entry in entries):
            return [((*keys, n), cast("Table", entry)) for n, entry in enumerate(entries)]
        header = ".".join(str(key) for key in keys if isinstance(key, str))
        self.faults.add(file, keys, "must be tables", f"write each one below [[{header}]]")
        return []

    def _entries(self, key: str, model: type[EntryT]) -> tuple[EntryT, ...]:
        tables = self._tables(self.file, (key,), self.file.data)
        found = [self._entry(self.file, keys, table, model) for keys, table in tables]
        return tuple(entry for entry in found if entry is not None)

    def _devices(self, key: str, model: type[DeviceT]) -> tuple[DeviceT, ...]:
        tables = self._tables(self.file, (key,), self.file.data)
        found = [self._device(keys, table, model) for keys, table in tables]
        return tuple(device for device in found if device is not None)

    def _device(self, keys: Keys, table: Table, model: type[DeviceT]) -> DeviceT | None:
        name = table.get("profile")
        profile = (
            self._profile(name, (*keys, "profile")) if name and isinstance(name, str) else None
        )
        limits = profile.own.model_dump(include=set(LIMITS)) if profile and profile.own else {}
        own = {key: value for key, value in table.items() if key != "channel"}
        device = self._entry(self.file, keys, {**limits, **own}, model)
        channels = self._channels(keys, table, profile)
        if None in channels or (name and not (profile and profile.own)):
            self.faults.unclear.add(str(table.get("name")))
        known = tuple(channel for channel in channels if channel is not None)
        return device and device.model_copy(update={"channels": known})

    def _channels(
        self, keys: Keys, table: Table, profile: "KnownProfile | None"
    ) -> list[Channel | None]:
        """The profile's channels, with the device's own laid over by name or added."""
        own = self._tables(self.file, (*keys, "channel"), table)
        self._once(self.file, own)
        over = {str(entry.get("name")): (where, entry) for where, entry in own}
        found: list[Channel | None] = []
        for where, entry in profile.entries if profile else []:
            name = str(entry.get("name"))
            if profile and name not in over:
                found.append(self._shared(profile, where, name, entry))
            else:
                place, mine = over.pop(name)
                found.append(self._channel(self.file, place, _laid_over(entry, mine), profile))
        found += [self._channel(self.file, where, e, profile) for where, e in over.values()]
        return found

    def _shared(
        self, profile: "KnownProfile", where: Keys, name: str, entry: Table
    ) -> Channel | None:
        """A channel as the profile has it: read once for all devices."""
        if name not in profile.shared:
            profile.shared[name] = self._channel(profile.file, where, entry, profile)
        return profile.shared[name]

    def _channel(
        self, file: TomlFile, keys: Keys, entry: Table, profile: "KnownProfile | None"
    ) -> Channel | None:
        channel = self._entry(file, keys, entry, Channel)
        channel = channel and channel.as_counted()
        return profile.own.with_layout(channel) if channel and profile and profile.own else channel

    def _once(self, file: TomlFile, tables: list[tuple[Keys, Table]]) -> None:
        seen: set[str] = set()
        for keys, entry in tables:
            name = entry.get("name")
            if isinstance(name, str) and name in seen:
                cure = "give each channel of a machine a name of its own"
                self.faults.add(file, (*keys, "name"), f"duplicate name: channel {name}", cure)
            seen.add(str(name))

    def _profile(self, name: str, keys: Keys) -> "KnownProfile | None":
        if name not in self.profiles:
            self.profiles[name] = self._read_profile(name)
        if self.profiles[name] is None:
            there = ", ".join(self._profile_names()) or "none"
            cure = f"name one that is there ({there}) or add {self.folders[0] / name}.toml"
            self.faults.add(self.file, keys, f"profile {name!r} is not there", cure)
        return self.profiles[name]

    def _profile_names(self) -> list[str]:
        return sorted({path.stem for folder in self.folders for path in folder.glob("*.toml")})

    def _read_profile(self, name: str) -> "KnownProfile | None":
        paths = [folder / f"{name}.toml" for folder in self.folders]
        path = next((path for path in paths if path.is_file()), None)
        if path is None or "/" in name:
            return None
        try:
            file = read_toml(path)
        except PlantError as error:
            self.faults.found.extend(error.problems)
            return KnownProfile(TomlFile(path, {}, {}), None, [])
        entries = self._tables(file, ("channel",), file.data)
        self._once(file, entries)
        own = {key: value for key, value in file.data.items() if key != "channel"}
        return KnownProfile(file, self._entry(file, (), own, Profile), entries)


@dataclass(frozen=True)
class KnownProfile:
    """A profile's file, its own keys if they are right, its channels as written and as read."""

    file: TomlFile
    own: Profile | None
    entries: list[tuple[Keys, Table]]
    shared: dict[str, Channel | None] = field(default_factory=dict[str, Channel | None])


def _laid_over(below: Table, above: Table) -> Table:
    """A profile's channel with a device's own keys over it; a new place replaces the old one."""
    replaced = (
        {*PLACES, "field", "element"} if any(place in above for place in PLACES) else set[str]()
    )
    if "register" in above:
        replaced.add("type")
    return {key: value for key, value in below.items() if key not in replaced} | above


def _filled(plant: Plant, folder: Path) -> Plant:
    """The plant with its default node at every device and its files relative to the plant file."""

    def placed(device: DeviceT) -> DeviceT:
        return device.model_copy(update={"node": device.node or plant.node})

    def beside(entry: EntryT) -> EntryT:
        files = {
            name: folder / value
            for name, value in entry
            if name.endswith("_file") and value is not None
        }
        return entry.model_copy(update=files)

    return plant.model_copy(
        update={
            "mqtt": beside(plant.mqtt),
            "servers": tuple(beside(server) for server in plant.servers),
            "outbox": plant.outbox.model_copy(update={"path": folder / plant.outbox.path}),
            "presses": tuple(placed(press) for press in plant.presses),
            "meters": tuple(placed(meter) for meter in plant.meters),
        }
    )
