"""`python -m anomaly_ae` is the command line."""

from anomaly_ae.cli import main

main()
