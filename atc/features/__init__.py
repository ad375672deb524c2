"""Features: what is declared, which sets there are, how days are built, cached and read."""
