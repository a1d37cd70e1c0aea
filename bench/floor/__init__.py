"""Random floors: what people and presses do, by an independent model and by the product.

`world` makes a floor from a seed, `model` says what came of it by counting marked parts, `folder`
writes both as a scenario, and `python -m bench.floor` plays them.
"""
