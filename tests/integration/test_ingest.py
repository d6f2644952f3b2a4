"""The HTTP door: what it answers and what is then in the topic. Each story runs against the embedded log and a real Apache Kafka."""
import json
import signal
import socket
import threading
import time
import uuid

import pytest
import requests
from conftest import unique, wait_until
from door import Door, Log


@pytest.fixture(scope="module", params=["log", "kafka"])
def door(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp("door")
    log = None
    if request.param == "log":
        log = Log(directory).start()
    running = Door(directory, log.bootstrap if log else request.getfixturevalue("kafka").bootstrap)
    try:
        yield running.start()
    finally:
        assert running.stop() == 0, running.text()
        if log:
            log.stop()


def test_one_event_is_durable_and_whole(door):
    topic = unique("one")
    before = time.time()
    answer = door.post(f"/v1/events/{topic}", b'{"payload": { "price" : 1.50, "big": 123456789012345678901234567890 }}')
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["counts"] == {"received": 1, "ok": 1, "invalid": 0, "retry": 0}
    row = body["results"][0]
    assert (row["i"], row["status"], row["offset"]) == (0, "ok", 0) and row["partition"] >= 0
    assert uuid.UUID(row["id"]).version == 7

    (record,) = door.records(topic)
    assert (record.partition(), record.offset(), record.key()) == (row["partition"], 0, None)
    assert b'"payload":{ "price" : 1.50, "big": 123456789012345678901234567890 }' in record.value(), "payload bytes are untouched"
    event = json.loads(record.value())
    assert event["metadata"]["id"] == row["id"] and event["metadata"]["version"] == "1" and event["event_name"] == topic
    headers = dict(record.headers())
    assert headers["hw.source"] == b"http" and headers["hw.received_at"].decode() == event["metadata"]["timestamp"]
    assert before - 1 <= record.timestamp()[1] / 1000 <= time.time() + 1


def test_given_metadata_is_kept(door):
    topic = unique("given")
    event = {"event_name": "signed_up", "metadata": {"version": "3", "timestamp": "2026-11-20T21:00:00.5+01:00", "id": "order-17"},
             "payload": {}}
    assert door.post(f"/v1/events/{topic}", json.dumps(event)).json()["results"][0]["id"] == "order-17"
    (record,) = door.records(topic)
    assert json.loads(record.value()) == {
        "metadata": {"id": "order-17", "timestamp": "2026-11-20T20:00:00.500000Z", "version": "3"}, "payload": {}, "event_name": "signed_up"}


@pytest.mark.parametrize("content_type, join", [("application/json", lambda e: "[" + " , ".join(e) + "]"),
                                                ("text/plain;charset=UTF-8", lambda e: "[" + ",".join(e) + "]"),
                                                ("application/x-ndjson", "\n".join),
                                                ("application/x-ndjson", lambda e: "\r\n\r\n".join(e) + "\r\n")])
def test_many_events_in_every_shape(door, content_type, join):
    topic = unique("many")
    ids = [f"id-{n}" for n in range(50)]
    answer = door.post(f"/v1/events/{topic}", join([json.dumps({"metadata": {"id": i}, "payload": {"n": i, "s": "},{\n"}}) for i in ids]),
                       content_type)
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert [r["id"] for r in results] == ids and [r["i"] for r in results] == list(range(50))
    stored = {(r.partition(), r.offset()): json.loads(r.value())["metadata"]["id"] for r in door.records(topic)}
    assert stored == {(r["partition"], r["offset"]): r["id"] for r in results}


def test_mixed_events_get_207_and_a_result_each(door):
    topic = unique("mixed")
    lines = ['{"payload":{"n":1}}', '{"payload":7}', 'not json', '{"payload":{},"extra":1}', '{"payload":{"n":2},"metadata":{"id":"x"}}']
    answer = door.post(f"/v1/events/{topic}", "\n".join(lines), "application/x-ndjson")
    body = answer.json()
    assert answer.status_code == 207 and body["counts"] == {"received": 5, "ok": 2, "invalid": 3, "retry": 0}
    assert [r["status"] for r in body["results"]] == ["ok", "invalid", "invalid", "invalid", "ok"]
    assert body["results"][1]["errors"][0] == {"path": "/payload", "keyword": "type", "expected": "object", "got": "number",
                                               "text": body["results"][1]["errors"][0]["text"]}
    assert body["results"][2]["errors"][0]["keyword"] == "json" and "line 3" in body["results"][2]["errors"][0]["text"]
    assert body["results"][3]["errors"][0]["path"] == "/extra"
    assert len(door.records(topic)) == 2


def test_long_reports_show_only_what_is_not_ok(door):
    topic = unique("long")
    lines = ['{"payload":{}}'] * 150 + ["{}"]
    body = door.post(f"/v1/events/{topic}", "\n".join(lines), "application/x-ndjson").json()
    assert [r["i"] for r in body["results"]] == [150] and body["report"] == "errors" and body["counts"]["ok"] == 150
    body = door.post(f"/v1/events/{topic}?report=all", "\n".join(lines), "application/x-ndjson").json()
    assert len(body["results"]) == 151 and "report" not in body
    body = door.post(f"/v1/events/{topic}?report=errors", lines[0]).json()
    assert body["results"] == [] and body["counts"]["ok"] == 1


def test_wrap_makes_bare_objects_payloads(door):
    topic = unique("wrap")
    assert door.post(f"/v1/events/{topic}?wrap=1", '[ {"page":"/"} ,{"payload":{}}]').status_code == 200
    payloads = [json.loads(r.value())["payload"] for r in door.records(topic)]
    assert {"page": "/"} in payloads and {"payload": {}} in payloads


def test_topic_from_event_name(door):
    first, second = unique("first"), unique("second")
    events = [{"payload": {}, "event_name": first}, {"payload": {}, "event_name": second}, {"payload": {}},
              {"payload": {}, "event_name": "no topic"}, {"payload": {}, "event_name": "__highway.flows"}]
    answer = door.post("/v1/events", json.dumps(events))
    assert answer.status_code == 207
    assert [r["status"] for r in answer.json()["results"]] == ["ok", "ok", "invalid", "invalid", "invalid"]
    assert len(door.records(first)) == len(door.records(second)) == 1


def test_validate_writes_nothing(door):
    topic = unique("dry")
    answer = door.post(f"/v1/validate/{topic}", '[{"payload":{}},{"payload":[]}]')
    assert answer.status_code == 207 and answer.json()["dry_run"] is True
    assert answer.json()["counts"] == {"received": 2, "ok": 1, "invalid": 1, "retry": 0}
    assert "offset" not in answer.json()["results"][0]
    door.post(f"/v1/events/{topic}", '{"payload":{}}')
    assert len(door.records(topic)) == 1


def test_same_key_same_partition(door):
    topic = unique("keys")
    rows = [door.post(f"/v1/events/{topic}", '{"payload":{}}', headers={"X-Key": "client-7"}).json()["results"][0] for _ in range(5)]
    rows.append(door.post(f"/v1/events/{topic}?key=client-7", '{"payload":{}}').json()["results"][0])
    assert len({r["partition"] for r in rows}) == 1
    assert {r.key() for r in door.records(topic)} == {b"client-7"}


def test_browsers_of_other_origins_may_send(door):
    origin = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    answer = requests.options(door.url("/v1/events/clicks"), headers=origin, timeout=5)
    assert answer.status_code == 204 and answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Content-Type" in answer.headers["Access-Control-Allow-Headers"]
    answer = door.post(f"/v1/events/{unique('cors')}", '{"payload":{}}', "text/plain", headers=origin)
    assert answer.status_code == 200 and answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Origin" not in door.post("/v1/events/clicks", "x").headers


def test_counters_add_up(door):
    before = door.metrics()
    topic = unique("count")
    door.post(f"/v1/events/{topic}", "\n".join(['{"payload":{}}'] * 7 + ["{}"] * 3), "application/x-ndjson")
    door.post(f"/v1/events/{topic}", "nonsense")
    door.post(f"/v1/validate/{topic}", '{"payload":{}}')
    after = door.metrics()

    def grew(name):
        return after[name] - before[name]
    assert grew('highway_ingest_events_total{outcome="ok"}') == 7 and grew('highway_ingest_events_total{outcome="invalid"}') == 3
    assert grew("highway_ingest_events_received_total") == 10 and grew("highway_ingest_validated_total") == 1
    assert grew('highway_ingest_refused_total{reason="not_json"}') == 1
    assert after["highway_ingest_inflight_bytes"] == 0 and after["highway_ingest_kafka_up"] == 1


def test_many_clients_at_once_lose_nothing(door):
    topic = unique("crowd")
    acked, lock = [], threading.Lock()

    def client(number):
        session = requests.Session()
        for n in range(40):
            answer = session.post(door.url(f"/v1/events/{topic}"), json={"metadata": {"id": f"{number}-{n}"}, "payload": {}}, timeout=30)
            assert answer.status_code == 200
            with lock:
                acked.append(answer.json()["results"][0])
    threads = [threading.Thread(target=client, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = {(r.partition(), r.offset()): json.loads(r.value())["metadata"]["id"] for r in door.records(topic)}
    assert len(acked) == 640 and stored == {(r["partition"], r["offset"]): r["id"] for r in acked}


def test_requests_wait_while_the_log_restarts(tmp_path):
    log = Log(tmp_path).start()
    door = Door(tmp_path, log.bootstrap).start()
    try:
        topic, answers = unique("restart"), []
        assert door.post(f"/v1/events/{topic}", '{"payload":{}}').status_code == 200

        def send():
            session = requests.Session()
            for n in range(60):
                event = {"metadata": {"id": f"{threading.get_ident()}-{n}"}, "payload": {}}
                answers.append((event["metadata"]["id"], session.post(door.url(f"/v1/events/{topic}"), json=event, timeout=60)))
                time.sleep(0.05)
        threads = [threading.Thread(target=send) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.7)
        log.kill()
        time.sleep(1)
        log.start()
        for thread in threads:
            thread.join()
        assert {a.status_code for _, a in answers} == {200}
        stored = [json.loads(r.value())["metadata"]["id"] for r in door.records(topic)]
        assert {i for i, _ in answers} <= set(stored) and len(stored) == len(set(stored)) == 241
    finally:
        door.stop()
        log.stop()


def test_a_stalled_log_gives_retry_in_time_and_no_duplicates(tmp_path):
    log = Log(tmp_path).start()
    door = Door(tmp_path, log.bootstrap, delivery_timeout_ms=1500).start()
    try:
        topic = unique("stalled")
        assert door.post(f"/v1/events/{topic}", '{"payload":{},"metadata":{"id":"before"}}').status_code == 200
        log.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        answer = door.post(f"/v1/events/{topic}", '{"payload":{},"metadata":{"id":"during"}}')
        assert time.monotonic() - began < 6
        assert answer.status_code == 503 and answer.headers["Retry-After"], answer.text
        row = answer.json()["results"][0]
        assert row["status"] == "retry" and "same id" in row["errors"][0]["text"]
        log.process.send_signal(signal.SIGCONT)
        wait_until("stored", lambda: door.post(f"/v1/events/{topic}", '{"payload":{},"metadata":{"id":"after"}}').status_code == 200, 20)
        ids = [json.loads(r.value())["metadata"]["id"] for r in door.records(topic)]
        assert ids[0] == "before" and ids[-1] == "after" and ids.count("during") <= 1
    finally:
        log.process.send_signal(signal.SIGCONT)
        door.stop()
        log.stop()


def test_a_client_that_hangs_up_still_has_its_event_stored(door):
    topic = unique("hangup")
    body = b'{"payload":{},"metadata":{"id":"gone"}}'
    with socket.create_connection(("127.0.0.1", door.port)) as s:
        s.sendall(b"POST /v1/events/%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (topic.encode(), len(body), body))
    wait_until("counted", lambda: door.metrics()["highway_ingest_inflight_requests"] == 0)
    wait_until("stored", lambda: [json.loads(r.value())["metadata"]["id"] for r in door.records(topic)] == ["gone"], 15)


def test_kafka_away_is_said_and_recovers(tmp_path):
    log = Log(tmp_path)
    door = Door(tmp_path, log.bootstrap, delivery_timeout_ms=1500).start(healthy=False)
    try:
        health = door.health()
        assert health.status_code == 503 and f"waiting for Kafka at {log.bootstrap}" in health.text
        began = time.monotonic()
        answer = door.post(f"/v1/events/{unique('away')}", '{"payload":{}}')
        assert answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0, answer.text
        assert time.monotonic() - began < 10
        wait_until("refused at once", lambda: door.post("/v1/events/away", '{"payload":{}}').json().get("code") == "kafka_away", 10)
        log.start()
        wait_until("healthy", lambda: door.health().status_code == 200, 20)
        wait_until("stored", lambda: door.post(f"/v1/events/{unique('back')}", '{"payload":{}}').status_code == 200, 20)
    finally:
        assert door.stop() == 0
        log.stop()


def test_too_much_in_flight_is_shed(tmp_path):
    log = Log(tmp_path)  # not started: nothing gets through, so bytes pile up
    door = Door(tmp_path, log.bootstrap, delivery_timeout_ms=4000, max_inflight_bytes=1048576).start(healthy=False)
    try:
        body = "\n".join(['{"payload":{"x":"' + "y" * 300 + '"}}'] * 500)
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(
            requests.post(door.url("/v1/events/full"), data=body, headers={"Content-Type": "application/x-ndjson"}, timeout=30)))
            for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {a.status_code for a in answers} == {503} and all(a.headers["Retry-After"] for a in answers)
        assert "overload" in [a.json().get("code") for a in answers]
        assert door.metrics()["highway_ingest_inflight_bytes"] == 0
    finally:
        door.stop()
