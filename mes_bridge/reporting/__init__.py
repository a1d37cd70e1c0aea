"""From facts to reports: targets, postings, differences."""
