"""Serves what ingest, bridge and web count, as Prometheus text; the edge agent serves its own."""

from prometheus_client import CollectorRegistry, disable_created_metrics, start_http_server

from pressline.errors import ListenError


def serve(registry: CollectorRegistry, host: str, port: int | None) -> None:
    """Answer on this address in a thread of its own until the process ends; no port: not at all.

    Raises ListenError when the port is taken.
    """
    if port is None:
        return
    disable_created_metrics()  # a time of birth per series, which no rule asks for
    try:
        start_http_server(port, host, registry)
    except OSError as error:
        raise ListenError(
            f"Cannot listen for metrics on {host}:{port}: {error.strerror}. Choose another port "
            "with --metrics-port (PRESSLINE_METRICS_PORT)."
        ) from error
