"""The front door: command line, web pages and the demo factory."""
