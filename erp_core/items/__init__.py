"""Items, their BOMs and routings."""
