"""Automations as code: dead runs are detected and repeated, and a webhook pages a person.

`apply_automations` brings a server in line with these; automations with other names are left alone.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.automations import AutomationCore, EventTrigger, Posture
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ActionTypes, CallWebhook, ChangeFlowRunState, RunDeployment

from .events import MODEL_RESOURCE, PROMOTION, REFUSED, SCORED

OURS = "anomaly_ae: "
"""Prefix of the names of our automations."""

HEARTBEAT = "prefect.flow-run.heartbeat"
ENDS = {f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")}
CRASHED, FAILED = "prefect.flow-run.Crashed", "prefect.flow-run.Failed"
RUNS, MODELS = "prefect.flow-run.*", f"{MODEL_RESOURCE}*"
MAX_PENDING = timedelta(minutes=15)

ABOUT_RUN = """{
  "what": {{ automation.name | tojson }},
  "flow": {{ flow.name | tojson }},
  "run": {{ flow_run.name | tojson }},
  "message": {{ flow_run.state.message | tojson }},
  "see": {{ flow_run | ui_url | tojson }}
}"""
ABOUT_SCORED = """{
  "what": {{ automation.name | tojson }},
  "model": {{ event.resource.name | tojson }},
  "verdict": {{ event.resource["verdict"] | tojson }},
  "scored": {{ event.payload | tojson }}
}"""
ABOUT_MODEL = """{
  "what": {{ automation.name | tojson }},
  "model": {{ event.resource.name | tojson }},
  "about": {{ event.payload | tojson }}
}"""


def watch_runs(zombie_after: timedelta, recover: UUID) -> list[AutomationCore]:
    """Return the automations that detect a run whose process is dead, and repeat the run.

    Args:
        zombie_after: how long a run may go without a heartbeat; three heartbeats or more.
        recover: the deployment of the flow `recover`.
    """
    return [
        _dead("a run without heartbeat has crashed", {HEARTBEAT}, {HEARTBEAT} | ENDS, zombie_after),
        # Its worker died between taking the run and starting it: there never was a heartbeat, and it holds a slot.
        _dead(
            "a run that never starts has crashed",
            {"prefect.flow-run.Pending"},
            {"prefect.flow-run.Running", HEARTBEAT} | ENDS,
            MAX_PENDING,
        ),
        _when(
            "a crashed run is repeated",
            {CRASHED},
            {"prefect.resource.id": RUNS},
            RunDeployment(
                deployment_id=recover,
                parameters={
                    "parameters": {"flow_run_id": {"__prefect_kind": "jinja", "template": "{{ flow_run.id }}"}}
                },
            ),
        ),
    ]


def page(webhook: UUID) -> list[AutomationCore]:
    """Return the automations that page a person.

    They report a failed run, bad files, a worse challenger, a threshold that no longer holds, too many alerts.

    Args:
        webhook: the block document of a `prefect.blocks.webhook.Webhook`.
    """
    about_run = CallWebhook(block_document_id=webhook, payload=ABOUT_RUN)
    about_scored = CallWebhook(block_document_id=webhook, payload=ABOUT_SCORED)
    about_model = CallWebhook(block_document_id=webhook, payload=ABOUT_MODEL)
    models = {"prefect.resource.id": MODELS}
    return [
        _when("page: run failed", {CRASHED, FAILED}, {"prefect.resource.id": RUNS}, about_run),
        _when("page: partition refused", {REFUSED}, models, about_model),
        _when("page: promotion refused", {PROMOTION}, {**models, "outcome": "refused"}, about_model),
        _when("page: threshold invalid", {SCORED}, {**models, "verdict": "invalid"}, about_scored),
        _when("page: alert rate high", {SCORED}, {**models, "alert-rate": "high"}, about_scored),
    ]


def apply_automations(client: SyncPrefectClient, automations: Sequence[AutomationCore]) -> None:
    """Create, update and delete automations until ours are exactly these; one that matches is left alone.

    An updated automation forgets the events it has seen, so a run whose worker is already dead would go unnoticed.
    """
    known = {known.name: known for known in client.read_automations() if known.name.startswith(OURS)}
    for automation in automations:
        current = known.pop(automation.name, None)
        if current is None:
            client.create_automation(automation)
        elif _content(current) != _content(automation):
            client.update_automation(current.id, automation)
    for obsolete in known.values():
        client.delete_automation(obsolete.id)


def _dead(name: str, after: set[str], expect: set[str], within: timedelta) -> AutomationCore:
    """Mark a run crashed when an event of `after` is followed by none of `expect` within the time."""
    return AutomationCore(
        name=OURS + name,
        trigger=EventTrigger(
            after=after,
            expect=expect,
            match={"prefect.resource.id": RUNS},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=within,
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                message=f"No sign of life for {within.total_seconds():.0f} s: the process or its worker is gone.",
            )
        ],
    )


def _when(name: str, events: set[str], match: dict[str, str], action: ActionTypes) -> AutomationCore:
    """Act at once on each of these events."""
    return AutomationCore(
        name=OURS + name,
        trigger=EventTrigger(expect=events, match=match, for_each={"prefect.resource.id"}, posture=Posture.Reactive),
        actions=[action],
    )


def _content(automation: AutomationCore) -> dict[str, Any]:
    """Return the fields that are ours to set, without those the server adds; sets compare in any order."""
    return AutomationCore.model_validate(automation.model_dump()).model_dump()
