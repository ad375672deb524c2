"""What a fitted model has learned, asked of the model alone: it is given rows and says numbers."""
