"""kill -9 of any one role during a stream of 2,000 events/s: every acknowledged id is in the table exactly once."""
import os
import random
import signal
import time

import pytest
import requests

from conftest import unique, wait_until
from stream import Stream, check_exactly_once


def settled(highway, table, acked):
    """Waits until the table holds at least the acknowledged rows and no longer grows."""
    wait_until(f"{acked} rows in {table}", lambda: highway.count(table) >= acked, 90, 0.5)
    before = -1
    while before != (before := highway.count(table)):
        time.sleep(2.5)


@pytest.mark.parametrize("role", ["log", "ingest", "connect", "catalog", "admin"])
def test_kill_of_a_role_loses_and_doubles_nothing(start_highway, role):
    highway, topic = start_highway(), unique("stream")
    table = f"events.{topic}"
    assert highway.send(topic, [{"payload": {"first": True}}]).status_code == 200
    assert highway.flow(topic, topic, table).status_code == 201
    wait_until("the first row", lambda: highway.count(table) == 1, 30, 0.2)
    rng = random.Random(role)
    stream = Stream(highway.url("ingest", f"/v1/events/{topic}")).start()
    began, kills = time.monotonic(), 0
    for at in sorted(rng.uniform(5, 50) for _ in range(3)):
        time.sleep(max(0, began + at - time.monotonic()))
        highway.kill(role)
        kills += 1
    time.sleep(max(0, began + 60 - time.monotonic()))
    stream.stop()
    for each in ("catalog", "ingest", "connect", "admin"):
        highway.wait_healthy(each)
    settled(highway, table, len(stream.acked) + 1)
    first = highway.sql(f"select event_id from {table} where payload = '{{\"first\": true}}'")["rows"]
    stream.acked += [row[0] for row in first]
    print(f"{role}: {kills} kills, {len(stream.acked)} acked, {len(stream.unknown)} unanswered, answers {stream.answers}, "
          f"longest time without an ack {stream.longest_gap:.1f} s")
    assert len(stream.acked) > 60_000, f"the stream itself was too slow to prove anything: {stream.answers}"
    check_exactly_once(stream, highway.table_ids(table))


def test_connect_stopped_for_30_seconds_loses_nothing_and_ingest_goes_on(highway):
    topic = unique("stopped")
    table = f"events.{topic}"
    assert highway.send(topic, [{"payload": {}}]).status_code == 200
    assert highway.flow(topic, topic, table).status_code == 201
    wait_until("the first row", lambda: highway.count(table) == 1, 30, 0.2)
    stream = Stream(highway.url("ingest", f"/v1/events/{topic}"), rate=1000).start()
    time.sleep(2)
    pid = highway.pid_of("connect")
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(30)
    finally:
        os.kill(pid, signal.SIGCONT)
    time.sleep(3)
    stream.stop()
    assert set(stream.answers) == {200}, f"ingest must go on answering 200: {stream.answers}"
    assert stream.longest_gap < 5
    settled(highway, table, len(stream.acked) + 1)
    first = [r[0] for r in highway.sql(f"select event_id from {table} where payload = '{{}}'")["rows"]]
    stream.acked += first
    check_exactly_once(stream, highway.table_ids(table))
    flow = requests.get(highway.url("admin", f"/v1/flows/{topic}"), timeout=10).json()
    assert flow["status"]["state"] in ("flowing", "waiting", "catching_up"), flow["status"]
