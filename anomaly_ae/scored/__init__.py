"""The scored table: its schema, its rows beside those of the dataset, and the maps of pictures."""
