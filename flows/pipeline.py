"""Flow `pipeline`: the whole way from a raw source to scored Parquet and a report.

`python -m flows.pipeline SPEC.yaml` runs it on Prefect's embedded server.
"""

import sys
from typing import Any

from prefect import flow

from anomaly_ae.spec import Section, Spec
from anomaly_ae.spec.file import load_spec
from anomaly_ae.storage import locate

from .evaluate import evaluate_scored, monitor_scored, report_scored
from .events import announce_scored
from .ingest import ingest_source
from .runners import task_runner
from .score import score_dataset
from .summary import publish_summary
from .train import train_model


class PipelineParameters(Section):
    """The whole pipeline, as a spec."""

    spec: Spec


@flow(name="pipeline", result_serializer="json", task_runner=task_runner())
def pipeline(parameters: PipelineParameters) -> dict[str, Any]:
    """Ingest, train, score, monitor, evaluate and report, as the spec says; what is there already is kept."""
    spec = parameters.spec
    dataset = ingest_source(spec.data, spec.workspace)
    model = train_model(dataset["directory"], spec)
    if spec.score_source:
        new = spec.data.model_copy(update={"source": spec.score_source})
        dataset = ingest_source(new, spec.workspace, model["directory"])
    scored = score_dataset(dataset["directory"], model["directory"], spec.workspace)
    validity = monitor_scored(scored["directory"], model["directory"])
    metrics = evaluate_scored(scored["directory"])
    page = report_scored(scored["directory"], model["directory"])
    publish_summary(scored, metrics, page)
    announce_scored(scored)
    done = {"dataset": dataset, "model": model, "scored": scored, "validity": validity}
    return {**done, "metrics": metrics, "report": page}


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
        lines += [f"{name:13} {metrics[name]}" for name in ("precision", "recall")]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
