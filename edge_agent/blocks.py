"""Plans which registers are read together: few requests, none too long, no value torn."""

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.register import Register, Table

LONGEST_BIT_READ = 2000  # coils or discrete inputs in one request, Modbus Application Protocol 6.1


@dataclass(frozen=True, slots=True)
class Block:
    """One read: `count` registers (or coils) of a table from `start`.

    `members` are the numbers of the places it serves, in order of address; `holes` is how many
    registers are read along unused.
    """

    table: Table
    start: int
    count: int
    members: tuple[int, ...]
    holes: int = 0

    @property
    def end(self) -> int:
        """First address after the block."""
        return self.start + self.count

    def __str__(self) -> str:
        return f"{self.table} {self.start}…{self.end - 1} ({self.count})"


def plan_blocks(
    places: Sequence[Register], longest_read: int = 125, widest_hole: int = 8
) -> list[Block]:
    """The reads that serve all `places`.

    A block is at most `longest_read` registers long (coils: 2000) and skips over at most
    `widest_hole` unused registers between two values. A value of several registers lies in one
    block whole, so that it is read at one instant.
    """
    blocks: list[Block] = []
    order = sorted(range(len(places)), key=lambda n: (places[n].table, places[n].address))
    for number in order:
        place = places[number]
        joined = _joined(blocks[-1], number, place, longest_read, widest_hole) if blocks else None
        if joined:
            blocks[-1] = joined
        else:
            blocks.append(Block(place.table, place.address, place.width, (number,)))
    return blocks


def _joined(
    block: Block, number: int, place: Register, longest_read: int, widest_hole: int
) -> Block | None:
    """The block with one more place, or None when the place needs a block of its own."""
    limit = LONGEST_BIT_READ if place.type == "bool" and place.bit is None else longest_read
    end = max(block.end, place.end)
    hole = max(place.address - block.end, 0)
    if place.table != block.table or hole > widest_hole or end - block.start > limit:
        return None
    members = (*block.members, number)
    return Block(block.table, block.start, end - block.start, members, block.holes + hole)
