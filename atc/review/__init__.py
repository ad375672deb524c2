"""Two configs before one of them runs: what a difference changes, and what it will cost."""
