"""Prefect flows: the stages as tasks. The only package that imports prefect.

In a checkout it is called `flows`, in an installed wheel `anomaly_ae.flows`; imports among its modules are relative.
"""

from importlib.util import find_spec

if find_spec("prefect") is None:
    MISSING = "the flows need Prefect: pip install 'anomaly_ae[flows]'"
    raise ModuleNotFoundError(MISSING, name="prefect")
