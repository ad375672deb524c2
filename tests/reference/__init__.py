"""The second implementation of every feature and of the label: slow, obvious, exact.

Written from the specification and from `docs/readings.md` alone, never from the Rust engine. Prices, sizes,
times, sums, medians and quantiles are integers or `Fraction`s; logarithms, roots and angles are `Decimal`s of
50 digits; a float appears only when a finished value leaves. Read in this order: `events`, `exact`,
`stretches` (what a reset cuts), `rows` (which rows there are), `state` (what was known at x), `columns` (the
values; the further families have a module each), `labels`. `arrow` only turns events into the tables that
the engine takes, and back.
"""
