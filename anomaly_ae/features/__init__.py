"""Encoding of source columns as float32 elements, and back; fitted on train rows only."""
