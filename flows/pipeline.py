"""Flow `pipeline`: from a raw source to scored Parquet and a report.

`python -m flows.pipeline SPEC.yaml` runs it on Prefect's embedded server.
"""

import sys
from dataclasses import replace
from typing import Any

from prefect import flow
from prefect.runtime import flow_run

from anomaly_ae.spec import Section, Spec
from anomaly_ae.spec.file import load_spec
from anomaly_ae.stages.pipeline import TRAINING, Run, require
from anomaly_ae.storage import locate

from .events import announce_scored
from .runners import task_runner
from .stages import run_as_tasks
from .summary import publish_summary


class PipelineParameters(Section):
    """The whole pipeline, as a spec."""

    spec: Spec


@flow(name="pipeline", result_serializer="json", task_runner=task_runner())
def pipeline(parameters: PipelineParameters) -> dict[str, Any]:
    """Run every stage, as the spec says; existing results are reused."""
    trained = run_as_tasks(replace(Run.of(parameters.spec), run_id=str(flow_run.id)), TRAINING)
    scoring = trained.for_scoring()
    done = run_as_tasks(scoring, scoring.scoring)
    publish_summary(done)
    announce_scored(require(done.scored))
    return done.facts()


def main() -> None:
    """Run the flow on the spec named on the command line and print where the results are."""
    done = pipeline(PipelineParameters(spec=load_spec(locate(sys.argv[1]), sys.argv[2:])))
    scored, metrics = done["scored"], done["metrics"]
    lines = [
        f"scored table  {scored['directory']}",
        f"report        {done['report']}",
        f"alerts        {scored['alerts']} of {scored['rows_scored']} rows, threshold {scored['threshold']:.6g}",
    ]
    if metrics:
        numbers = {name: metrics[name] for name in ("precision", "recall")}
        lines += [f"{name:13} {'undefined' if value is None else f'{value:.3f}'}" for name, value in numbers.items()]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
