"""How far canonical events can be trusted: figures per business day, what is bad, what is refused."""
