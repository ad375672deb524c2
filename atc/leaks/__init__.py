"""The leak localiser: other events after t, and everything that was known by t has to stay as it was."""
