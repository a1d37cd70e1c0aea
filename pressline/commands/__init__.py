"""The commands, a file a room; each imports its room when called."""
