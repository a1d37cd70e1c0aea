"""The nodes that one host id serves: scale-out is a host id per group of nodes."""

from dataclasses import dataclass

from edge_agent.wire import DATA_TYPES, NAMESPACE
from ingest.errors import GroupError

EVERY = ("+/+",)
REORDER_S = 2.0
MOST_NODES = 2000


@dataclass(frozen=True, slots=True)
class Group:
    """A host id and its nodes, as `site/node`; `+` stands for any site or any node.

    A foreign node's message that comes too early waits `reorder_s` seconds for those before it.
    With `most` nodes in the database, a birth of one that is not there yet is not taken.
    Raises GroupError for a pattern that is none, and where two would bring a message twice.
    """

    host: str
    patterns: tuple[str, ...] = EVERY
    reorder_s: float = REORDER_S
    most: int = MOST_NODES

    def __post_init__(self) -> None:
        for place, pattern in enumerate(self.patterns):
            _check(pattern)
            for other in self.patterns[:place]:
                if _overlap(pattern, other):
                    raise GroupError(
                        f"--nodes {other} and {pattern} name the same nodes: the broker would send "
                        "their messages twice. Name each node once."
                    )

    @property
    def filters(self) -> list[str]:
        """The topics to subscribe to."""
        return [
            f"{NAMESPACE}/{site}/{kind}/{node}" + ("/+" if kind[0] == "D" else "")
            for site, node in (pattern.split("/") for pattern in self.patterns)
            for kind in DATA_TYPES
        ]

    def has(self, site: str, node: str) -> bool:
        """Whether a node belongs to it."""
        return any(_overlap(pattern, f"{site}/{node}") for pattern in self.patterns)


def _check(pattern: str) -> None:
    levels = pattern.split("/")
    whole = len(levels) == 2 and all(levels) and "#" not in pattern
    if not whole or any("+" in level and level != "+" for level in levels):
        raise GroupError(
            f"--nodes {pattern} is no pattern of nodes: write site/node, with + for any site or "
            "any node, as in dongguan-1/+ (in PRESSLINE_NODES several, with spaces between)."
        )


def _overlap(one: str, other: str) -> bool:
    pairs = zip(one.split("/"), other.split("/"), strict=True)
    return all(a == b or "+" in (a, b) for a, b in pairs)
