"""Gaussian mixtures on data that do not fit in memory, with answers that do not change."""
