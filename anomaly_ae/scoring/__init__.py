"""Scoring: element errors, contributions, reasons, anomaly maps, and the schema of the scored table."""
