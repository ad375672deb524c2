"""Stylised facts of a market: measured on canonical events, held against bands with a source, and drawn."""
