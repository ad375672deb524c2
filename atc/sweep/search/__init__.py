"""Hyper-parameters searched by Optuna: each trial a sealed run of the ordinary runner."""
