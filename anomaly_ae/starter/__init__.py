"""The first spec of a source: a look at what is there, and a guess with its reasons."""
