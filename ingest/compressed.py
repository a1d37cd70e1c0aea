"""Payloads that a foreign node compressed, as the standard's Java library does: GZIP or DEFLATE.

The payload proper is the body of another one, whose uuid says so. What it becomes is bounded: some
bytes of zeros on the wire are gigabytes here.
"""

import zlib

from edge_agent.sparkplug_pb2 import Payload

COMPRESSED = "SPBV1.0_COMPRESSED"
MOST_BYTES = 8 << 20  # as large as the broker lets a message be that is not compressed
EITHER = 32 + zlib.MAX_WBITS  # zlib looks which of the two it is


def whole(payload: Payload) -> Payload:
    """The payload that was compressed; another one as it is. ValueError where it cannot be had."""
    if payload.uuid != COMPRESSED:
        return payload
    algorithms = [metric.string_value for metric in payload.metrics if metric.name == "algorithm"]
    named = str(algorithms[0]).upper() if algorithms else "GZIP"
    if named not in ("GZIP", "DEFLATE"):
        raise ValueError(f"its payload is compressed by {named[:40]}: GZIP and DEFLATE are taken")
    return Payload.FromString(_inflated(payload.body))


def _inflated(body: bytes) -> bytes:
    inflater = zlib.decompressobj(EITHER)
    try:
        found = inflater.decompress(body, MOST_BYTES)
    except zlib.error as error:
        raise ValueError(f"its compressed payload cannot be inflated: {error}") from error
    if inflater.unconsumed_tail:
        raise ValueError(f"its compressed payload becomes more than {MOST_BYTES >> 20} MB")
    if not inflater.eof:
        raise ValueError("its compressed payload is cut short")
    return found
