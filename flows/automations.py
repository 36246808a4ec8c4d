"""Automations as code: a dead run is noticed and repeated, and what a person should know is sent to a webhook.

`apply_automations` brings a server in line with what is wanted here; automations of other names stay as they are.
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
"""How the names of our automations begin."""

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
    """Return what notices that a run's process is dead, and repeats the run.

    Args:
        zombie_after: how long a run may send no heartbeat; three heartbeats or more.
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
    """Return what sends a person a message.

    A failed run, bad files, a challenger that is worse, a threshold that no longer holds, too many alerts.

    Args:
        webhook: block document of a `prefect.blocks.webhook.Webhook`.
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
    """Create, change and remove automations until exactly these of ours are there; one that is as wanted is left.

    Changing an automation forgets what it has seen so far, so a run whose worker is already dead would go unnoticed.
    """
    known = {known.name: known for known in client.read_automations() if known.name.startswith(OURS)}
    for automation in automations:
        there = known.pop(automation.name, None)
        if there is None:
            client.create_automation(automation)
        elif _content(there) != _content(automation):
            client.update_automation(there.id, automation)
    for left in known.values():
        client.delete_automation(left.id)


def _dead(name: str, after: set[str], expect: set[str], within: timedelta) -> AutomationCore:
    """Mark a run crashed when one of `after` was seen of it, and none of `expect` within the time."""
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
    """Act on each of these events at once."""
    return AutomationCore(
        name=OURS + name,
        trigger=EventTrigger(expect=events, match=match, for_each={"prefect.resource.id"}, posture=Posture.Reactive),
        actions=[action],
    )


def _content(automation: AutomationCore) -> dict[str, Any]:
    """Return what was asked for, without what the server adds; sets stay sets, whose order means nothing."""
    return AutomationCore.model_validate(automation.model_dump()).model_dump()
