"""The main job: events by HTTP → new topic → flow → warehouse table → SQL; on the embedded log and on a real Apache Kafka."""
import os
import subprocess
import time

import pytest
import requests

from conftest import DEPS, ROOT, unique, wait_until


@pytest.fixture(params=["embedded", "kafka"])
def anywhere(request, start_highway):
    if request.param == "embedded":
        return start_highway()
    return start_highway(bootstrap=request.getfixturevalue("kafka").bootstrap)


def test_events_by_http_become_rows_in_sql(anywhere):
    highway, topic = anywhere, unique("clicks")
    table = f"events.{topic}"
    events = [{"event_name": "page.viewed", "payload": {"page": f"/p/{i}", "n": 2**63 - 1 - i}} for i in range(500)]
    sent = highway.send(topic, events, report="all")
    assert sent.status_code == 200, sent.text
    results = sent.json()["results"]
    assert [r["i"] for r in results] == list(range(500))
    assert all(r["status"] == "ok" and r["offset"] >= 0 for r in results)
    acked = {r["id"] for r in results}
    assert len(acked) == 500

    def listed():
        items = requests.get(highway.url("admin", "/v1/topics"), params={"q": topic}, timeout=5).json()["items"]
        return [t for t in items if t["name"] == topic and t["messages"] == "500"]
    wait_until("the topic in the list with its 500 messages", listed, 15)
    sample = requests.get(highway.url("admin", f"/v1/topics/{topic}/sample"), params={"limit": 20}, timeout=10).json()
    assert len(sample["items"]) == 20
    assert any(str(2**63 - 1 - i) in sample["items"][0]["value"] for i in range(500)), "64-bit numbers stay exact"

    body = {"kind": "sink", "plugin": "warehouse", "from": {"topics": [topic]}, "to": {"table": table}, "freshness": "1s"}
    plan = requests.put(highway.url("admin", f"/v1/flows/{topic}"), params={"dry_run": "all"}, json=body, timeout=30)
    assert plan.status_code == 200 and plan.json()["valid"], plan.text
    assert plan.json()["preview"]["rows"], "a preview on real rows"
    assert requests.get(highway.url("admin", f"/v1/flows/{topic}"), timeout=5).status_code == 404, "a dry run changes nothing"

    created = highway.flow(topic, topic, table)
    assert created.status_code == 201, created.text
    assert highway.flow(topic, topic, table).status_code == 200, "the same PUT again is fine"
    wait_until("500 rows in SQL", lambda: highway.count(table) == 500, 40, 0.2)
    rows = highway.sql(f"select event_id, payload->>'$.n' from {table} order by _partition, _offset limit 3")["rows"]
    assert rows[0][0] in acked and int(rows[0][1]) > 2**53
    ids = highway.table_ids(table)
    assert len(ids) == 500 and set(ids) == acked, "PyIceberg, given the catalog's URL alone, sees what was acknowledged"

    began = time.monotonic()
    highway.send(topic, [{"payload": {"late": True}}])
    wait_until("a late event in SQL", lambda: highway.count(table) == 501, 20, 0.1)
    print(f"event to visible in SQL: {time.monotonic() - began:.2f} s at a commit interval of 1 s")
    flow = requests.get(highway.url("admin", f"/v1/flows/{topic}"), timeout=10).json()
    assert flow["status"]["state"] in ("flowing", "waiting", "catching_up"), flow["status"]


def test_main_job_in_the_browser(anywhere):
    """topic → sample → wizard → first row → SQL, clicked in Chromium."""
    environment = {**os.environ, "PATH": f"{DEPS}/bin:{os.environ['PATH']}", "CI": "1",
                   "DMV_URL": anywhere.url("admin"), "INGEST_URL": anywhere.url("ingest")}
    done = subprocess.run(["npx", "playwright", "test"], cwd=ROOT / "ui", env=environment, capture_output=True, text=True,
                          timeout=300)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
