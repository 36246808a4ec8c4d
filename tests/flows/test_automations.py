"""Automations: what is wanted is there once, however often it is applied, and the server can carry it out."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from prefect.automations import AutomationCore
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events.actions import DoNothing

from anomaly_ae.monitoring.alerts import AlertCheck
from anomaly_ae.monitoring.validity import Validity
from flows.automations import OURS, apply_automations, page, watch_runs
from flows.events import judgements

FIVE_MINUTES = timedelta(minutes=5)


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    """A client of the tests' server, on which none of our automations is left afterwards."""
    with get_client(sync_client=True) as one:
        yield one
        apply_automations(one, [])


def ours(client: SyncPrefectClient) -> dict[str, AutomationCore]:
    """Return our automations on the server, by what follows the prefix of their names."""
    return {one.name.removeprefix(OURS): one for one in client.read_automations() if one.name.startswith(OURS)}


def test_applied_twice_nothing_changes(client: SyncPrefectClient) -> None:
    """The second time every automation, with its trigger, is the one that the first time made."""
    wanted = watch_runs(FIVE_MINUTES, recover=uuid4())

    apply_automations(client, wanted)
    first = client.request("POST", "/automations/filter", json={}).json()
    apply_automations(client, wanted)

    assert client.request("POST", "/automations/filter", json={}).json() == first
    assert set(ours(client)) == {
        "a run without heartbeat has crashed",
        "a run that never starts has crashed",
        "a crashed run is repeated",
    }


def test_what_is_wanted_no_more_goes_and_others_stay(client: SyncPrefectClient) -> None:
    """A changed patience is changed in place, pages without a webhook go, a person's own automation is not touched."""
    recover = uuid4()
    webhook = Webhook(url="http://127.0.0.1:9/").save(f"test-{uuid4().hex}")
    theirs = watch_runs(FIVE_MINUTES, recover)[0].model_copy(update={"name": "theirs", "actions": [DoNothing()]})
    client.create_automation(theirs)

    apply_automations(client, [*watch_runs(FIVE_MINUTES, recover), *page(webhook)])
    assert len(ours(client)) == 8
    apply_automations(client, watch_runs(2 * FIVE_MINUTES, recover))

    assert len(ours(client)) == 3
    assert ours(client)["a run without heartbeat has crashed"].trigger.within == 2 * FIVE_MINUTES
    assert client.read_automations_by_name("theirs")


def test_a_table_nobody_judged_is_unknown() -> None:
    """Without a verdict the labels say so, and no automation matches them."""
    assert judgements(None) == {"verdict": "unknown", "alert-rate": "unknown"}


@pytest.mark.parametrize(("alerts", "rate"), [(12, "usual"), (60, "high")])
def test_labels_say_verdict_and_alert_rate(alerts: int, rate: str) -> None:
    """The alert rate is high when, beyond doubt, it is more than twice what was promised."""
    check = AlertCheck(
        alerts=alerts,
        rate=alerts / 1000,
        low=0.7 * alerts / 1000,
        high=1.4 * alerts / 1000,
        expected_rate=0.01,
        usual=(4, 18),
        p_fewer=1,
        p_more=0.3 if rate == "usual" else 1e-9,
    )
    validity = Validity(verdict="drifting", meaning="m", rows=1000, are_normal=False, alerts=check)

    assert judgements(validity) == {"verdict": "drifting", "alert-rate": rate}
