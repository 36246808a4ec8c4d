"""Stages: handles and specs in, a small frozen result out; the flows and the command line both call them."""
