"""Dies: what they make, where they fit."""
