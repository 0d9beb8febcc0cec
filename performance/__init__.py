"""Scores, team figures and reports."""
