"""Addresses of pages and calls, whatever is in the codes that stand in them.

Plants write `#`, `?`, `%`, `/`, spaces and Chinese into codes. Whoever links, redirects or calls
makes the address here (scripts: static/paths.js); a route takes a code with its slashes.
"""

from urllib.parse import quote, urlencode

from fastapi import Request


def path(*parts: object) -> str:
    """The address of these folders and codes: `path("wall", "A#1")` is `/wall/A%231`."""
    return "/" + "/".join(quote(str(part), safe="") for part in parts)


def here(request: Request, **changed: object) -> str:
    """The address asked for, with these fields of its query set; None takes a field out."""
    query = {**request.query_params, **changed}
    kept = urlencode({name: value for name, value in query.items() if value is not None})
    # Two slashes in front would lead to another host.
    return "/" + quote(request.scope["path"].lstrip("/")) + (f"?{kept}" if kept else "")
