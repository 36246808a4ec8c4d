"""Whether a threshold may still be trusted: profiles of the train rows, drift, false alarms, the verdict."""
