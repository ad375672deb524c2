"""From predictions to orders, and from orders to money (docs/backtest.md).

The engine is Rust (`rust/atc-backtest`): it walks the events once for any number of strategies. Here is what
it is told (policies, calendars, dated costs) and what is said of its results.
"""
