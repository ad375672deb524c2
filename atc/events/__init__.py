"""Canonical events: what a venue published, in one schema, one folder a kind and business day."""
