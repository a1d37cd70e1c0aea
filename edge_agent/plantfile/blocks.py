"""Plans which registers are read together: few requests, none too long, no value torn."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from edge_agent.plantfile.register import Register, Table

Cut = tuple[Table, int]  # no block reaches across this address


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

    @property
    def is_bits(self) -> bool:
        """Whether it is of coils or discrete inputs."""
        return self.table in ("coil", "discrete")

    @property
    def bytes(self) -> int:
        """Bytes of a complete answer."""
        return (self.count + 7) // 8 if self.is_bits else 2 * self.count

    def __str__(self) -> str:
        return f"{self.table} {self.start}…{self.end - 1} ({self.count})"


def plan_blocks(
    places: Sequence[Register],
    longest_read: int = 125,
    widest_hole: int = 8,
    longest_bit_read: int = 2000,
    *,
    cuts: Collection[Cut] = (),
    forbidden: Sequence[Register] = (),
) -> list[Block]:
    """The reads that serve all `places`.

    A block is at most `longest_read` registers or `longest_bit_read` coils long and skips over at
    most `widest_hole` unused registers between two values. A value of several registers lies in
    one block whole, so that it is read at one instant. No block reaches across a cut or holds a
    forbidden place.
    """
    blocks: list[Block] = []
    order = sorted(range(len(places)), key=lambda n: (places[n].table, places[n].address))
    for number in order:
        place = places[number]
        limit = longest_bit_read if place.is_bit else longest_read
        joined = _joined(blocks[-1], number, place, limit, widest_hole) if blocks else None
        if joined and not _barred(joined, cuts, forbidden):
            blocks[-1] = joined
        else:
            blocks.append(Block(place.table, place.address, place.width, (number,)))
    return blocks


def _joined(
    block: Block, number: int, place: Register, limit: int, widest_hole: int
) -> Block | None:
    """The block with one more place, or None when the place needs a block of its own."""
    end = max(block.end, place.end)
    hole = max(place.address - block.end, 0)
    if place.table != block.table or hole > widest_hole or end - block.start > limit:
        return None
    members = (*block.members, number)
    return Block(block.table, block.start, end - block.start, members, block.holes + hole)


def _barred(block: Block, cuts: Collection[Cut], forbidden: Sequence[Register]) -> bool:
    return any(
        table == block.table and block.start < address < block.end for table, address in cuts
    ) or any(
        place.table == block.table and place.address < block.end and block.start < place.end
        for place in forbidden
    )
