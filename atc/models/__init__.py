"""Models: one face to fit, predict, save and load."""
