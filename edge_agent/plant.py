"""Reads a plant file and the profiles it names, and checks everything before anything starts.

`config/plant.toml` is the commented sample. Every fault is told with file, line, key and cure.
"""

from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import ValidationError

from edge_agent.checks import check_plant
from edge_agent.entries import Break, Line, Meter, Mqtt, Outbox, Plant, Press, Shift
from edge_agent.errors import PlantError
from edge_agent.faults import Faults
from edge_agent.profile import SHIPPED, Channel, Entry, Profile
from edge_agent.tomlfile import Keys, TomlFile, read_toml

__all__ = [
    "Break", "Channel", "Line", "Meter", "Mqtt", "Outbox", "Plant", "PlantError", "Press",
    "Shift", "load_plant",
]  # fmt: skip

Table = dict[str, Any]
EntryT = TypeVar("EntryT", bound=Entry)
DeviceT = TypeVar("DeviceT", Press, Meter)
LISTS = ("shift", "line", "press", "meter")
LIMITS = ("longest_read", "widest_hole")
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
        self.profiles: dict[str, tuple[TomlFile, Profile | None] | None] = {}

    def plant(self) -> Plant:
        """The plant with every entry that could be read."""
        own = {key: value for key, value in self.file.data.items() if key not in LISTS}
        head = self._entry(self.file, (), own, Plant) or UNREADABLE
        found = {
            "shifts": self._entries("shift", Shift),
            "lines": self._entries("line", Line),
            "presses": self._devices("press", Press),
            "meters": self._devices("meter", Meter),
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
        profile_name = table.get("profile")
        named = isinstance(profile_name, str) and profile_name
        profile = self._profile(str(profile_name), (*keys, "profile")) if named else None
        limits = profile[1].model_dump(include=set(LIMITS)) if profile and profile[1] else {}
        own = {key: value for key, value in table.items() if key != "channel"}
        device = self._entry(self.file, keys, {**limits, **own}, model)
        faults = len(self.faults.found)
        channels = self._channels(keys, table, profile)
        if len(self.faults.found) > faults or (named and not (profile and profile[1])):
            self.faults.unclear.add(str(table.get("name")))
        return device and device.model_copy(update={"channels": channels})

    def _channels(
        self, keys: Keys, table: Table, profile: tuple[TomlFile, Profile | None] | None
    ) -> tuple[Channel, ...]:
        """The profile's channels, with the device's own laid over by name or added."""
        own = self._tables(self.file, (*keys, "channel"), table)
        self._once(own)
        over = {str(entry.get("name")): (where, entry) for where, entry in own}
        found: list[Channel | None] = []
        for where, entry in self._profile_channels(profile):
            mine = over.pop(str(entry.get("name")), None)
            place = (profile[0], where) if profile and not mine else (self.file, mine and mine[0])
            merged = _laid_over(entry, mine[1] if mine else {})
            found.append(self._channel(place[0], place[1] or keys, merged, profile))
        for where, entry in over.values():
            found.append(self._channel(self.file, where, entry, profile))
        return tuple(channel for channel in found if channel is not None)

    def _channel(
        self, file: TomlFile, keys: Keys, entry: Table,
        profile: tuple[TomlFile, Profile | None] | None,
    ) -> Channel | None:  # fmt: skip
        channel = self._entry(file, keys, entry, Channel)
        if channel is None or profile is None or profile[1] is None:
            return channel
        return profile[1].with_order(channel)

    def _once(self, tables: list[tuple[Keys, Table]], file: TomlFile | None = None) -> None:
        seen: set[object] = set()
        for keys, entry in tables:
            name = entry.get("name")
            if isinstance(name, str) and name in seen:
                cure = "give each channel of a machine a name of its own"
                self.faults.add(
                    file or self.file, (*keys, "name"), f"duplicate name: channel {name}", cure
                )
            seen.add(name if isinstance(name, str) else None)

    def _profile_channels(
        self, profile: tuple[TomlFile, Profile | None] | None
    ) -> list[tuple[Keys, Table]]:
        if profile is None:
            return []
        return self._tables(profile[0], ("channel",), profile[0].data)

    def _profile(self, name: str, keys: Keys) -> tuple[TomlFile, Profile | None] | None:
        if name not in self.profiles:
            self.profiles[name] = self._read_profile(name)
        if self.profiles[name] is None:
            there = ", ".join(self._profile_names()) or "none"
            cure = f"name one that is there ({there}) or add {self.folders[0] / name}.toml"
            self.faults.add(self.file, keys, f"profile {name!r} is not there", cure)
        return self.profiles[name]

    def _profile_names(self) -> list[str]:
        return sorted({path.stem for folder in self.folders for path in folder.glob("*.toml")})

    def _read_profile(self, name: str) -> tuple[TomlFile, Profile | None] | None:
        path = next((p for f in self.folders if (p := f / f"{name}.toml").is_file()), None)
        if path is None or "/" in name:
            return None
        try:
            file = read_toml(path)
        except PlantError as error:
            self.faults.found.extend(error.problems)
            return TomlFile(path, {}, {}), None
        self._once(self._tables(file, ("channel",), file.data), file)
        own = {key: value for key, value in file.data.items() if key != "channel"}
        return file, self._entry(file, (), own, Profile)


def _laid_over(below: Table, above: Table) -> Table:
    """A profile's channel with a device's own keys over it; a new place replaces the old one."""
    merged = {**below, **above}
    if "register" in above:
        merged.pop("node_id", None)
        merged.pop("type", None)
    elif "node_id" in above:
        merged.pop("register", None)
    return merged


def _filled(plant: Plant, folder: Path) -> Plant:
    """The plant with its default node at every device and its files relative to the plant file."""

    def placed(device: DeviceT) -> DeviceT:
        return device.model_copy(update={"node": device.node or plant.node})

    files = {
        name: folder / value
        for name, value in plant.mqtt
        if name.endswith("_file") and value is not None
    }
    return plant.model_copy(
        update={
            "mqtt": plant.mqtt.model_copy(update=files),
            "outbox": Outbox.model_construct(path=folder / plant.outbox.path),
            "presses": tuple(placed(press) for press in plant.presses),
            "meters": tuple(placed(meter) for meter in plant.meters),
        }
    )
