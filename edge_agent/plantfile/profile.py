"""Channels, and the profiles that list the channels of a kind of machine."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from edge_agent.plantfile.register import (
    BCD,
    CODES,
    ByteOrder,
    Layout,
    Register,
    WordOrder,
    parse_register,
    raw_value,
)

HERE = Path(__file__).resolve().parent
PACKAGED = HERE / "profiles"  # where the wheel carries them; a checkout has them in config/
SHIPPED = PACKAGED if PACKAGED.exists() else HERE.parents[1] / "config" / "profiles"

Kind = Literal["counter", "state", "gauge", "text"]
Meaning = Literal["running", "stopped", "alarm"]
DataType = Literal[
    "bool", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64", "text"
]
PLAIN = (*(name for name in CODES if name != "bool"), *BCD)
USUAL_TYPE: dict[Kind, DataType] = {
    "counter": "int64", "state": "int64", "gauge": "float64", "text": "text",
}  # fmt: skip
WHOLE: tuple[DataType, ...] = (
    "uint16", "int16", "uint32", "int32", "uint64", "int64",
)  # fmt: skip
FITTING: dict[Kind, tuple[DataType, ...]] = {
    "counter": WHOLE,
    "state": ("bool", *WHOLE),
    "gauge": (*WHOLE, "float32", "float64"),
    "text": ("text",),
}
NODE_ID = re.compile(r"^(ns=\d+;|nsu=[^;]+;)?[isgb]=.+$")


def check_name(name: str) -> str:
    """A name that can stand in an MQTT topic and on a label; ValueError with the cure if not."""
    if not name or len(name) > 64 or re.search(r"[\s+#/\x00-\x1f\x7f\"']", name):
        raise ValueError(
            f"{name!r} cannot be a name; use 1 to 64 letters, digits, '-', '_' or '.', "
            "without spaces, quotes, '+', '#' or '/'"
        )
    return name


def _check_node_id(text: str) -> str:
    if not NODE_ID.match(text):
        raise ValueError(
            f'{text!r} is not a node id; write it as "ns=2;s=Press.Strokes", "i=85" or '
            '"nsu=http://…;s=Press.Strokes" with the URI of its namespace'
        )
    return text


def _check_path(text: str) -> str:
    if text.endswith("/") or "//" in text or not text:
        raise ValueError(
            f'{text!r} is not a path; write names with "/" between them: "Monitoring/Slide/Force" '
            'from the machine\'s `object`, or "/Machines/P07/…" from the Objects folder'
        )
    return text


Name = Annotated[str, AfterValidator(check_name)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Contents = Annotated[tuple[int, ...], Field(strict=False)]
Names = Annotated[tuple[Name, ...], Field(strict=False)]
Longest = Annotated[int, Field(ge=1, le=125)]  # registers, Modbus Application Protocol 6.3
LongestBits = Annotated[int, Field(ge=1, le=2000)]  # coils, Modbus Application Protocol 6.1
Hole = Annotated[int, Field(ge=0, le=120)]
Nodes = Annotated[int, Field(ge=1, le=10_000)]
Pause = Annotated[int, Field(ge=0, le=10_000)]
Retries = Annotated[int, Field(ge=0, le=10)]
Transaction = Literal["strict", "loose"]


class Entry(BaseModel):
    """A table of a configuration file: frozen, and no key but those it knows."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Values = Annotated[tuple[int, ...], Field(strict=False)]


class States(Entry):
    """What the values of a run signal mean; one that stands nowhere is unknown.

    `stopped` is standing ready, in manual or out of work; `alarm` is standing by a fault that the
    machine tells itself.
    """

    running: Annotated[Values, Field(min_length=1)]
    stopped: Values = ()
    alarm: Values = ()

    @model_validator(mode="after")
    def _check(self) -> "States":
        values = [*self.running, *self.stopped, *self.alarm]
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise ValueError(f"{twice[0]} stands twice; a value means one state")
        return self


class Channel(Entry):
    """One signal of one machine.

    Value in `unit` = reading x `scale`; readings are kept unscaled. A counter that starts again
    from zero at a known number declares that number as `modulus`. `invalid` are register contents
    that mean "no value". `times` are channels of the same machine that the register is to be
    multiplied by to be what its manual says (docs/decisions/0005). `states`: what the values of a
    run signal mean; without it 0 is stopped and everything else running.
    """

    name: Name
    kind: Kind
    unit: str = ""
    scale: Annotated[float, Field(allow_inf_nan=False)] = 1.0
    modulus: Annotated[int, Field(gt=1)] | None = None
    where: Annotated[Register | None, BeforeValidator(parse_register)] = Field(
        None, alias="register"
    )
    node_id: Annotated[str, AfterValidator(_check_node_id)] | None = None
    path: Annotated[str, AfterValidator(_check_path)] | None = None
    field: str = ""
    element: Annotated[int, Field(ge=0, le=65_535)] | None = None
    type: DataType | None = None
    word_order: WordOrder | None = None
    byte_order: ByteOrder | None = None
    invalid: Contents | None = None
    times: Names = ()
    states: States | None = None

    @model_validator(mode="after")
    def _check(self) -> "Channel":
        self._check_kind()
        if self.invalid and (self.where is None or self.where.is_bit):
            raise ValueError("invalid is for registers of 16 bits; take it out")
        for content in self.invalid or ():
            assert self.where is not None
            raw_value(content, self.where)
        if self.times and (self.where is None or self.where.type in ("bool", "text")):
            raise ValueError("times is for numbers in registers; take it out")
        if self.times and self.modulus is not None:
            raise ValueError("a product starts again at no fixed number; take out modulus or times")
        return self

    def _check_kind(self) -> None:
        if sum(place is not None for place in (self.where, self.node_id, self.path)) > 1:
            raise ValueError(
                "has more than one of register, node_id and path; keep the one of this "
                "machine's address"
            )
        if self.element is not None and self.where:
            raise ValueError("a register has no element; give the element's own address")
        if self.field and self.where:
            raise ValueError("a register has no field; take it out")
        if self.where and self.type and self.type != self.datatype:
            raise ValueError(f"type is {self.datatype} by its register; take `type` out")
        if self.modulus is not None and self.kind != "counter":
            raise ValueError("only a counter has a modulus; take it out or set kind")
        if self.states and self.kind != "state":
            raise ValueError("only a state has states; take them out or set kind")
        if self.states and self.datatype == "bool":
            raise ValueError("a bool is running or stopped; take states out")
        if self.scale == 0:
            raise ValueError("scale is 0, which hides every value; give the unit per count")
        if self.datatype not in FITTING[self.kind]:
            fitting = ", ".join(FITTING[self.kind])
            raise ValueError(
                f"a {self.kind} cannot be {self.datatype}; use one of {fitting}, or another kind"
            )

    @property
    def datatype(self) -> DataType:
        """Type of its readings: the register's, the declared one, or the usual one of its kind.

        A product is as wide as can be. Whole numbers in reals or digits, numbers in digits and
        text made of numbers take the widest type of their kind.
        """
        if self.times and self.where is not None:
            return "float64" if self.where.type.startswith("float") else "int64"
        if self.where is not None:
            known: DataType = self.where.type  # pyright: ignore[reportAssignmentType] -- CODES are DataTypes
            return known if known in FITTING[self.kind] else self._converted(known)
        return self.type or USUAL_TYPE[self.kind]

    def _converted(self, known: DataType) -> DataType:
        """What a register of another type than the kind's own is told as."""
        if known == "bool" and self.kind != "text":
            return known  # no number
        return USUAL_TYPE[self.kind]

    @property
    def meanings(self) -> "dict[int, Meaning] | None":
        """What each listed value of a run signal means; None where nothing is listed."""
        if self.states is None:
            return None
        listed: dict[Meaning, tuple[int, ...]] = {
            "running": self.states.running,
            "stopped": self.states.stopped,
            "alarm": self.states.alarm,
        }
        return {value: state for state, values in listed.items() for value in values}

    def as_counted(self) -> "Channel":
        """A signed counter in its unsigned width: after its highest number comes its lowest.

        Counting knows counters that start again from 0 at their modulus, and this is one of them.
        """
        kind = self.where.type if self.where else self.type
        if self.kind != "counter" or self.times or kind not in ("int16", "int32"):
            return self
        modulus = self.modulus or 1 << int(kind.removeprefix("int"))
        if self.where is None:
            return self.model_copy(update={"type": f"u{kind}", "modulus": modulus})
        where = replace(self.where, type=f"u{kind}", form=kind)
        return self.model_copy(update={"where": where, "modulus": modulus})

    @property
    def source(self) -> str:
        """Where the machine keeps it: a register and its factors, or a node and its field."""
        if self.where:
            return " x ".join((str(self.where), *self.times))
        place = self.node_id or self.path or ""
        part = self.field if self.element is None else f"{self.field}[{self.element}]"
        return f"{place} {part}" if part else place

    @property
    def layout(self) -> Layout:
        """How the machine lays the value over bytes and registers."""
        other = self.where is not None and not self.times and self.where.type != self.datatype
        return Layout(
            self.word_order or "high-first", self.byte_order or "high-first", self.invalid or (),
            self.datatype if other else "",
        )  # fmt: skip


def _check_invalid(invalid: dict[str, Contents]) -> dict[str, Contents]:
    """Each content fits the type it is given for."""
    for kind, contents in invalid.items():
        if kind not in PLAIN:
            raise ValueError(f"{kind!r} is no type of a register; use one of {', '.join(PLAIN)}")
        for content in contents:
            raw_value(content, Register("holding", 0, BCD.get(kind, kind), kind))
    return invalid


class Profile(Entry):
    """The channels of a kind of machine, how it lays out numbers and what it can take.

    `longest_read` is in registers (the standard allows 125), `longest_bit_read` in coils or
    discrete inputs (2000); unread registers up to `widest_hole` between two channels are read
    along to save a request. `pause_ms` is kept between an answer, or the begin of a connection, and
    the next request; one that fails is made up to `retries` times more. `transaction = "loose"`
    takes answers whose transaction number is not that of the request. `invalid` gives, by type, the
    register contents that mean "no value". `nodes_per_call` is how many nodes an OPC UA server is
    asked for at once, if it does not say less itself.
    """

    source: str
    word_order: WordOrder = "high-first"
    byte_order: ByteOrder = "high-first"
    invalid: Annotated[dict[str, Contents], AfterValidator(_check_invalid)] = {}
    longest_read: Longest = 125
    longest_bit_read: LongestBits = 2000
    widest_hole: Hole = 8
    pause_ms: Pause = 0
    retries: Retries = 2
    transaction: Transaction = "strict"
    nodes_per_call: Nodes = 100

    def with_layout(self, channel: Channel) -> Channel:
        """The channel with this profile's layout where it has none of its own."""
        if channel.where is None:
            return channel
        layout = {
            "word_order": channel.word_order or self.word_order,
            "byte_order": channel.byte_order or self.byte_order,
            "invalid": self.invalid.get(channel.where.kind, ())
            if channel.invalid is None
            else channel.invalid,
        }
        return channel.model_copy(update=layout)
