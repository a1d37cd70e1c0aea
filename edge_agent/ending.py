"""Whether a task was asked to end."""

import asyncio


def asked_to_end() -> bool:
    """True once the running task was cancelled, even if the cancellation got lost on its way.

    Python 3.11's wait_for, which pymodbus and asyncua use, loses a cancellation that comes
    together with the answer; the task still knows of it.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
