"""Tables: their model and their starter spec."""
