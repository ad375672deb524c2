"""A run, or a sweep, as one HTML page that needs nothing else: `atc report PATH`."""
