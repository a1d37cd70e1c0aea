"""Master data from a file: read, checked as a whole, taken over."""
