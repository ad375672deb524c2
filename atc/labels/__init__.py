"""Labels: the classes made from forward returns.

The returns themselves are built from the events and kept day by day beside the rows that they belong to:
`atc.features.day_cache.label_days`, computed by `rust/atc-featuregen/src/label.rs`.
"""
