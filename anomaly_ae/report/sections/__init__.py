"""The sections of the page, one file each: `section(source)` gathers it, or returns None where there is none."""
