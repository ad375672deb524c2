"""The second implementation of reading recordings: slow, in plain Python, a message at a time.

It was ATC's first one. `rust/atc-ingest` took its place for speed and has to give the same rows and findings;
`adapters` holds the four formats that are read twice.
"""
