"""Addresses of pages and calls, whatever is in the codes that stand in them.

Plants write `#`, `?`, `%`, `/`, spaces and Chinese into codes. Whoever links, redirects or calls
makes the address here (scripts: static/paths.js); a route takes a code with its slashes.
"""

from urllib.parse import quote, urlencode

from fastapi import Request


def path(*parts: object) -> str:
    """The address of these folders and codes: `path("wall", "A#1")` is `/wall/A%231`."""
    return "/" + "/".join(quote(str(part), safe="") for part in parts)


def signing_in(request: Request) -> str:
    """The sign-in page, which leads back to the address asked for, its query and all."""
    asked = request.query_params.get("next") if request.scope["path"] == "/sign-in" else None
    return "/sign-in?next=" + quote(here(request) if asked is None else asked)


def here(request: Request, **changed: object) -> str:
    """The address asked for, with these fields of its query set; None takes a field out."""
    kept = [
        (name, value) for name, value in request.query_params.multi_items() if name not in changed
    ]
    kept += [(name, value) for name, value in changed.items() if value is not None]
    query = urlencode(kept)
    # Two slashes in front would lead to another host.
    return "/" + quote(request.scope["path"].lstrip("/")) + (f"?{query}" if query else "")
