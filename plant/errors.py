"""Why the plant cannot be asked."""


class PlantNotLoadedError(Exception):
    """The database does not know the plant yet: run `pressline plant load`."""
