"""Work orders, production reports, and the material that reports use."""
