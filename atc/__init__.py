"""ATC: declarative, leak-proof experiments on tick data."""
