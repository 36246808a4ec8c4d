"""One job in a separate process: `python measure.py JOB ARGUMENT...` prints wall and CPU seconds and peak memory."""

import json
import sys
import time
from pathlib import Path

import jobs


def peak_rss_mb() -> float:
    """Return the peak resident memory of this process.

    `ru_maxrss` is not suitable: on Linux it starts from the parent's peak at exec.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main(name: str, arguments: list[str]) -> None:
    """Prepare the job, then time it."""
    work = getattr(jobs, name)(*arguments)
    cpu, wall = time.process_time(), time.perf_counter()
    facts = work()
    measured = {
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "peak_rss_mb": peak_rss_mb(),
    }
    print(json.dumps(facts | measured))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
