"""Labels: forward returns from the events, and the classes made from them."""
