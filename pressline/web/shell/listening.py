"""The port that the pages listen on, taken before anything else is begun."""

import socket

from pressline.errors import ListenError


def bound(host: str, port: int) -> socket.socket:
    """A socket of this address; nobody is let in before it listens.

    Raises ListenError, with the cure, when another program has the port or the address is not of
    this machine.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise ListenError(
            f"There is no address {host} here; set --host (PRESSLINE_WEB_HOST) to one of this "
            "machine: 127.0.0.1, or 0.0.0.0 for all of them."
        ) from error
    made = socket.socket(family, kind)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(address)
    except OSError as error:
        made.close()
        raise ListenError(
            f"The pages cannot listen on {host}:{port}: {error.strerror}. Stop what has "
            "that port, or choose another with --port (PRESSLINE_WEB_PORT)."
        ) from error
    return made
