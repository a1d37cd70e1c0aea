"""How fast this machine is: the least that any agent does with a reading, done here and now.

A value is taken out of the registers of an answer, and written into a Sparkplug payload; nothing is
polled, queued or sent. What pressline's agent needs is judged as a multiple of this, so that a slow
machine and a fast one are asked the same.
"""

import struct
import time

from edge_agent.sparkplug_pb2 import Payload

READINGS, ROUNDS = 20_000, 5
REGISTERS = bytes(range(240))
FLOAT, WORD = struct.Struct(">f"), struct.Struct(">H")


def reading_cpu_us() -> float:
    """CPU microseconds for one reading: the best of some rounds, as other work only slows it."""
    return min(_round() for _ in range(ROUNDS))


def _round() -> float:
    began = time.thread_time()
    for number in range(READINGS // 50):
        payload = Payload()
        payload.timestamp = number
        for place in range(0, 200, 4):
            metric = payload.metrics.add()
            metric.alias, metric.timestamp = place, number
            metric.float_value = FLOAT.unpack_from(REGISTERS, place)[0]
            metric.int_value = WORD.unpack_from(REGISTERS, place)[0]
        payload.SerializeToString()
    return 1e6 * (time.thread_time() - began) / READINGS
