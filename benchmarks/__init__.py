"""Measurements side by side: each prints ratios of things timed in one run, on this machine, now."""
