"""Pictures: their model, the files beside their scored rows, and their starter spec."""
