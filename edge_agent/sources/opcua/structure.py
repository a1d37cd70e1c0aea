"""Takes one field out of a structured value, by the definition that the server gives of it.

asyncua can load a server's types, but keeps them in one table for all servers, by namespace index;
two presses with different indexes would read each other's structures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua import ua_binary

BUILT_IN = range(1, 26)  # numbers of the built-in types, which are their data types' ids as well
SIMPLE = {  # data types that are encoded as a built-in one (OPC 10000-5, clause 12)
    26: 24, 27: 24, 28: 24, 29: 6, 288: 7, 289: 7, 290: 11, 291: 12, 294: 13, 295: 12, 17588: 7,
    20998: 7,
}  # fmt: skip
MASKED = ua.StructureType.StructureWithOptionalFields
BINARY: Any = ua_binary  # partly untyped
SUBTYPED = 3  # StructureWithSubtypedValues: a field that allows subtypes is a Variant


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its built-in type, None when it has none."""

    name: str
    type: ua.VariantType | None
    array: bool
    optional: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """The fields of a structure in the order they are encoded; `masked` when some may be absent."""

    fields: tuple[Field, ...]
    masked: bool

    def value(self, raw: Any, wanted: str) -> Any:
        """The field's value; None when it is absent.

        Raises ua.UaError when there is no such field or the value is not of this structure.
        """
        if not isinstance(raw, ua.ExtensionObject):
            raise ua.UaError("the value is not a structure")
        try:
            return self._unpacked(Buffer(raw.Body or b""), wanted)
        except Exception as error:  # a body that does not fit fails in any way it likes
            raise ua.UaError(f"{wanted} cannot be decoded: {error}") from error

    def _unpacked(self, body: Buffer, wanted: str) -> Any:
        mask: int = BINARY.unpack_uatype(ua.VariantType.UInt32, body) if self.masked else 0
        bit = 0
        for field in self.fields:
            present = True
            if field.optional:
                present, bit = bool(mask >> bit & 1), bit + 1
            value = _unpack(field, body) if present else None
            if field.name == wanted:
                return value.Value if isinstance(value, ua.Variant) else value
        raise ua.UaError("the structure has no such field")


def _unpack(field: Field, body: Buffer) -> Any:
    if field.type is None:
        raise ua.UaError(f"{field.name} has a type that is not built in")
    if field.array:
        return BINARY.unpack_uatype_array(field.type, body)
    return BINARY.unpack_uatype(field.type, body)


def layout_of(definition: object) -> Layout | None:
    """The layout that a DataTypeDefinition describes; None when it describes no structure."""
    known: Any = definition
    if not isinstance(definition, ua.StructureDefinition):
        return None
    kind = int(known.StructureType)
    if kind not in (ua.StructureType.Structure, MASKED, SUBTYPED):
        return None  # a union
    return Layout(_fields(known.Fields, kind), kind == MASKED)


def _fields(fields: Sequence[Any], kind: int) -> tuple[Field, ...]:
    return tuple(
        Field(
            name=str(field.Name),
            type=_built_in(field, kind),
            array=field.ValueRank >= 0,
            optional=kind == MASKED and bool(field.IsOptional),
        )
        for field in fields
    )


def _built_in(field: Any, kind: int) -> ua.VariantType | None:
    if kind == SUBTYPED and field.IsOptional:
        return ua.VariantType.Variant
    number = field.DataType.Identifier
    if field.DataType.NamespaceIndex or not isinstance(number, int):
        return None
    number = SIMPLE.get(number, number)
    return ua.VariantType(number) if number in BUILT_IN else None
