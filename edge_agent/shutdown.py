"""When a task or a process must end."""

import asyncio
import os
import threading

import structlog

log = structlog.get_logger()

UNEXPECTED = 70  # exit code: EX_SOFTWARE of sysexits.h


def asked_to_end() -> bool:
    """True once the running task was cancelled, even if the cancellation got lost on its way.

    Python 3.11's wait_for, which pymodbus and asyncua use, loses a cancellation that comes
    together with the answer; the task still knows of it.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def end_with_any_thread() -> None:
    """From now on an exception that ends a thread ends the process, at once.

    Half an agent (it reads, but its network thread is gone) would go on unnoticed. Records and
    watermarks survive any kill; who started the process starts it again.
    """
    threading.excepthook = _end


def _end(fault: threading.ExceptHookArgs) -> None:
    name = fault.thread.name if fault.thread else "unknown"
    log.error(
        "a thread ended by an unexpected error; ending, to be started again whole",
        thread=name,
        exc_info=fault.exc_value,
    )
    os._exit(UNEXPECTED)
