"""From rows to scores: element errors, contributions, reasons, and the schema of the scored table."""
