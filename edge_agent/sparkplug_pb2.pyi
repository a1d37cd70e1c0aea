"""Types of the compiled sparkplug.proto, as far as pressline uses it; kept by hand."""

from collections.abc import Iterable, Iterator
from typing import Generic, Literal, Self, TypeVar, overload

from google.protobuf.message import Message

ValueField = Literal[
    "int_value",
    "long_value",
    "float_value",
    "double_value",
    "boolean_value",
    "string_value",
    "bytes_value",
    "dataset_value",
    "template_value",
    "set_value",
    "list_value",
]

T = TypeVar("T")

class _Repeated(Generic[T]):
    def add(self) -> T: ...
    def append(self, item: T, /) -> None: ...
    def extend(self, items: Iterable[T], /) -> None: ...
    def __iter__(self) -> Iterator[T]: ...
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, index: int, /) -> T: ...
    @overload
    def __getitem__(self, index: slice, /) -> list[T]: ...

class PropertyValue(Message):
    type: int
    is_null: bool
    int_value: int
    long_value: int
    float_value: float
    double_value: float
    boolean_value: bool
    string_value: str
    set_value: bytes
    list_value: bytes
    def WhichOneof(self, oneof_group: str | bytes) -> ValueField | None: ...  # noqa: N802 - protobuf's name

class PropertySet(Message):
    @property
    def keys(self) -> _Repeated[str]: ...
    @property
    def values(self) -> _Repeated[PropertyValue]: ...

class Metric(Message):
    name: str
    alias: int
    timestamp: int
    datatype: int
    is_historical: bool
    is_transient: bool
    is_null: bool
    metadata: bytes
    int_value: int
    long_value: int
    float_value: float
    double_value: float
    boolean_value: bool
    string_value: str
    bytes_value: bytes
    dataset_value: bytes
    template_value: bytes
    @property
    def properties(self) -> PropertySet: ...
    def WhichOneof(self, oneof_group: str | bytes) -> ValueField | None: ...  # noqa: N802 - protobuf's name

class Payload(Message):
    timestamp: int
    seq: int
    uuid: str
    body: bytes
    @property
    def metrics(self) -> _Repeated[Metric]: ...
    @classmethod
    def FromString(cls, s: bytes) -> Self: ...  # noqa: N802 - protobuf's name
