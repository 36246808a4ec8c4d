"""Analysts' verdicts on alerts: reading and storing them."""
