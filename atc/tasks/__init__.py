"""Tasks: what the runner runs. It knows the interface in `base`, and nothing of order books."""
