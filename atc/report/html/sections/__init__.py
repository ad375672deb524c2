"""The chapters of a report, each made of a run's record."""
