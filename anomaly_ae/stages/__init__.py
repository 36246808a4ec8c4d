"""Steps: paths and specs in, a small frozen result out; what the flows and the command line both call."""
