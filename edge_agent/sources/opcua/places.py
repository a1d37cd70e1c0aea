"""Where a machine's channels stand in a server's address space, found anew in each session.

Namespace indexes may differ from server to server and from start to start; URIs and names do not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds

from edge_agent.plantfile.entries import Meter, Press
from edge_agent.plantfile.profile import Channel
from edge_agent.sources.opcua.session import Session
from edge_agent.sources.opcua.structure import Layout, layout_of

OBJECTS = ua.NodeId(ua.Int32(85))  # the Objects folder
MANY = 8  # names told of a folder that lacks one


class NowhereError(Exception):
    """The server has no such place; the message says what it has instead."""


@dataclass(frozen=True)
class Place:
    """The node of a channel; with the layout of its structure when a field is taken from it."""

    channel: Channel
    node: ua.NodeId
    layout: Layout | None = None


@dataclass
class Places:
    """What was found, and why the others were not."""

    found: list[Place] = field(default_factory=list[Place])
    nowhere: dict[str, str] = field(default_factory=dict[str, str])


async def find_places(
    session: Session, device: Press | Meter, channels: Sequence[Channel] | None = None
) -> Places:
    """The places of a machine's channels, or of some; OSError or TimeoutError without a server.

    A field whose structure the server does not describe has no place either.
    """
    search, places = Search(session, device), Places()
    for channel in device.channels if channels is None else channels:
        try:
            places.found.append(Place(channel, await search.node(channel)))
        except (NowhereError, ua.UaError) as error:
            places.nowhere[channel.name] = str(error)
    found = await _with_layouts(session, places.found, device.nodes_per_call)
    places.found = [place for place in found if place.layout or not place.channel.field]
    for place in found:
        if place not in places.found:
            places.nowhere[place.channel.name] = "the server does not describe its structure"
    return places


class Search:
    """Finds nodes by id or by name; each folder is browsed once."""

    def __init__(self, session: Session, device: Press | Meter) -> None:
        self.session = session
        self.device = device
        self._below: dict[ua.NodeId, list[tuple[str, ua.NodeId]]] = {}

    async def node(self, channel: Channel) -> ua.NodeId:
        """The channel's node; NowhereError when there is none."""
        if channel.node_id is not None:
            return node_id(channel.node_id, self.session.namespaces)
        return await self._walk(channel.path or "", from_object=self.device.object)

    async def _walk(self, path: str, *, from_object: str = "") -> ua.NodeId:
        if path.startswith("/") or not from_object:
            node, walked = OBJECTS, "Objects"
        elif from_object.startswith("/"):
            node, walked = await self._walk(from_object), f"Objects{from_object}"
        else:
            node, walked = node_id(from_object, self.session.namespaces), from_object
        for name in path.strip("/").split("/"):
            node = await self._child(node, name, walked)
            walked += f"/{name}"
        return node

    async def _child(self, node: ua.NodeId, name: str, walked: str) -> ua.NodeId:
        if node not in self._below:
            self._below[node] = await self.session.children(node)
        below = self._below[node]
        fitting = {child for browse_name, child in below if browse_name == name}
        if len(fitting) == 1:
            return fitting.pop()
        if fitting:
            raise NowhereError(f"{walked} has several {name!r}; give a node_id")
        there = ", ".join([known for known, _ in below][:MANY]) or "nothing"
        raise NowhereError(f"{walked} has no {name!r}, but {there}")


def node_id(text: str, namespaces: Sequence[str]) -> ua.NodeId:
    """The node id that a text means on a server with these namespaces; NowhereError if none."""
    if text.startswith("nsu="):
        uri, _, identifier = text.removeprefix("nsu=").partition(";")
        if uri not in namespaces:
            raise NowhereError(f"the server has no namespace {uri}, but {', '.join(namespaces)}")
        text = f"ns={namespaces.index(uri)};{identifier}"
    try:
        return ua.NodeId.from_string(text)
    except (ValueError, ua.UaError) as error:
        raise NowhereError(f"{text} is not a node id: {error}") from None


async def _with_layouts(session: Session, places: list[Place], most: int) -> list[Place]:
    """The places with the layouts of those that a field is taken from."""
    structured = [place for place in places if place.channel.field]
    if not structured:
        return places
    nodes = [place.node for place in structured]
    types = await session.read(nodes, most, AttributeIds.DataType)
    kinds = [_value(data) for data in types]
    known = list({kind for kind in kinds if isinstance(kind, ua.NodeId)})
    told = await session.read(known, most, AttributeIds.DataTypeDefinition)
    layouts = {
        kind: layout_of(_value(data)) for kind, data in zip(known, told, strict=True)
    }  # fmt: skip
    found = {
        place.channel.name: layouts.get(kind) if isinstance(kind, ua.NodeId) else None
        for place, kind in zip(structured, kinds, strict=True)
    }
    return [Place(p.channel, p.node, found.get(p.channel.name)) for p in places]


def _value(data: ua.DataValue) -> object:
    return data.Value.Value if data.Value else None
