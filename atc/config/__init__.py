"""The config of a run: schema, composition, digest, difference."""
