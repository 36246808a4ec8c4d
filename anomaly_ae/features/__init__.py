"""Source columns to float32 elements and back: fitted on train rows only."""
