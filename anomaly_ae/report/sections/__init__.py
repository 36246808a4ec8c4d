"""The sections of the page, one file each: `section(source)` returns the section, or None if it does not apply."""
