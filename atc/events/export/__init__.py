"""Canonical events in the formats of other tools."""
