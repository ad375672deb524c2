"""Which rows train, which select, which judge."""
