"""The Sparkplug host: takes records from the broker and commits them to schema signal."""
