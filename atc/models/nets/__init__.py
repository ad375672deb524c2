"""Nets: one module, one loop, one way of batches for all of them; torch is loaded where one is used."""
