"""Live recording of a venue's public WebSocket: raw files first, canonical events made from them.

The raw files are the truth: every frame as it was received, with its receive time, and what happened to the
connection between frames. Canonical events are never made from frames directly; the ordinary ingest reads the
raw files, through the adapter that the venue names.

`venues` what a venue wants to hear and says · `raw_line` one line · `segment` one file · `raw_folder` the
files of a venue, completed after a crash · `connection` one WebSocket, the pace of subscriptions, waiting
between tries · `publish` days that need an ingest · `status` counters and the line on the terminal ·
`session` all of it together.
"""
