"""What a fitted model is worth, and how sure that is."""
