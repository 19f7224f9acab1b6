"""A small trained network for vaer, under CC BY-NC-SA 4.0: `run/` is what `vaer.load()` opens."""
