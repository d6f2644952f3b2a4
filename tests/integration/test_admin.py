"""The admin API: topics, plans, flows and the web UI, as its contract (api/openapi.yaml) says."""
import requests

from conftest import unique, wait_until


def get(highway, path, **params):
    return requests.get(highway.url("admin", path), params=params, timeout=20)


def spec(topic, table, **more):
    return {"kind": "sink", "plugin": "warehouse", "from": {"topics": [topic]}, "to": {"table": table}, "freshness": "500ms", **more}


def put(highway, name, body, **params):
    return requests.put(highway.url("admin", f"/v1/flows/{name}"), json=body, params=params, timeout=30)


def test_topics_list_sample_and_create(highway):
    assert highway.send("a.topic", [{"payload": {"i": i}} for i in range(30)]).status_code == 200
    requests.post(highway.url("admin", "/v1/topics"), json={"name": "made.here", "partitions": 2}, timeout=20).raise_for_status()
    assert requests.post(highway.url("admin", "/v1/topics"), json={"name": "made.here"}, timeout=20).status_code == 409
    item = wait_until("30 messages", lambda: next((t for t in get(highway, "/v1/topics").json()["items"]
                                                   if t["name"] == "a.topic" and t["messages"] == "30" and t["messages_per_minute"]), None))
    assert item["messages_per_minute"] > 0 and item["last_event_at"] and not item["internal"]
    names = [t["name"] for t in get(highway, "/v1/topics").json()["items"]]
    assert names == ["a.topic", "made.here"], "internal topics are hidden"
    assert "__highway.flows" in [t["name"] for t in get(highway, "/v1/topics", internal="true").json()["items"]]
    page = get(highway, "/v1/topics", limit=1, sort="-messages").json()
    assert [t["name"] for t in page["items"]] == ["a.topic"] and page["total"] == 2
    rest = get(highway, "/v1/topics", limit=1, sort="-messages", cursor=page["next_cursor"]).json()
    assert [t["name"] for t in rest["items"]] == ["made.here"] and rest["next_cursor"] is None
    sample = get(highway, "/v1/topics/a.topic/sample", limit=7).json()
    assert len(sample["items"]) == 7 and sample["complete"]
    assert get(highway, "/v1/topics/made.here/sample").json()["items"] == []
    detail = get(highway, "/v1/topics/a.topic").json()
    assert sum(int(p["end"]) - int(p["start"]) for p in detail["partition_list"]) == 30
    missing = get(highway, "/v1/topics/a.topc")
    assert missing.status_code == 404 and "a.topic" in missing.json()["hint"]


def test_sample_is_byte_true(highway):
    from confluent_kafka import Producer
    values = [b'{"n": 9223372036854775807, "x": 1e400, "z": -0}', b"\xff\xfe\x00binary", "‮<script>alert(1)</script>\0".encode(), None, b""]
    producer = Producer({"bootstrap.servers": highway.bootstrap})
    for value in values:
        producer.produce("naughty", value, key=b"\xc3\x28", headers={"h": b"\xff"}, partition=0)
        producer.poll(0)
    assert producer.flush(20) == 0
    items = wait_until("five events", lambda: (lambda i: i if len(i) == 5 else None)(get(highway, "/v1/topics/naughty/sample").json().get("items", [])))
    import base64
    items.sort(key=lambda item: int(item["offset"]))
    for item, value in zip(items, values):
        shown = item["value"]
        if item["encoding"] == "base64":
            shown = base64.b64decode(shown)
        elif shown is not None:
            shown = shown.encode()
        assert shown == value
        assert item["key_encoding"] == "base64" and base64.b64decode(item["key"]) == b"\xc3\x28"


def test_a_dry_run_shows_everything_and_changes_nothing(highway):
    topic, name = unique("dry"), unique("flow")
    highway.send(topic, [{"payload": {"i": i}} for i in range(5)])
    plan = wait_until("a plan with rows", lambda: (lambda p: p if p["preview"] else None)(put(highway, name, spec(topic, "dry.t"), dry_run="all").json()))
    assert plan["valid"] and not plan["exists"] and plan["errors"] == []
    assert {c["id"] for c in plan["checks"]} >= {"name", "topic", "catalog", "table", "worker", "plugin_config"}
    assert all(c["state"] == "pass" for c in plan["checks"]), plan["checks"]
    assert {(e["action"], e["object"]) for e in plan["effects"]} >= {("use", "topic"), ("create", "table"), ("create", "flow")}
    assert any("CREATE TABLE dry.t" in e.get("ddl", "") for e in plan["effects"])
    assert plan["config"]["commit.interval.ms"] == {"value": "500", "from": "user", "why": "from freshness"}
    assert len(plan["preview"]["rows"]) == 5 and len(plan["preview"]["rows"][0]) == len(plan["preview"]["columns"])
    assert get(highway, f"/v1/flows/{name}").status_code == 404
    topics = [t["name"] for t in get(highway, "/v1/topics").json()["items"]]
    assert f"dlq.{name}" not in topics
    assert requests.get(highway.url("connect", "/connectors"), timeout=10).json() == []


def test_a_flow_from_its_creation_to_its_end(highway):
    topic, name = unique("life"), unique("flow")
    highway.send(topic, [{"payload": {"i": i}} for i in range(5)])
    created = put(highway, name, spec(topic, f"life.{topic}"))
    assert created.status_code == 201 and created.headers["Location"] == f"/v1/flows/{name}"
    etag = created.headers["ETag"]
    same = put(highway, name, spec(topic, f"life.{topic}"))
    assert same.status_code == 200 and same.headers["ETag"] == etag and same.json()["updated_at"] == created.json()["updated_at"]
    flow = wait_until("the first row", lambda: (lambda f: f if f["first_row"] else None)(get(highway, f"/v1/flows/{name}").json()))
    assert [s["id"] for s in flow["steps"]] == ["accepted", "running", "first_event", "first_commit", "queryable"]
    assert all(s["state"] == "done" and s["at"] for s in flow["steps"]), flow["steps"]
    assert flow["first_row"]["rows"][0][flow["first_row"]["columns"].index({"name": "_topic", "type": "VARCHAR"})] == topic
    wait_until("no lag", lambda: get(highway, f"/v1/flows/{name}").json()["lag"] == {"records": "0", "seconds": 0})
    listed = get(highway, "/v1/topics", q=topic).json()["items"]
    assert next(t for t in listed if t["name"] == topic)["flows"] == [name]

    def act(action):
        return requests.post(highway.url("admin", f"/v1/flows/{name}/actions"), json={"action": action}, timeout=30)
    assert act("pause").json()["status"]["state"] == "paused"
    highway.send(topic, [{"payload": {"while": "paused"}}])
    wait_until("lag of one", lambda: get(highway, f"/v1/flows/{name}").json()["lag"]["records"] == "1")
    assert get(highway, f"/v1/flows/{name}").json()["status"]["state"] == "paused"
    assert act("resume").status_code == 200
    wait_until("six rows", lambda: highway.count(f"life.{topic}") == 6)
    assert act("restart").status_code == 200
    changed = put(highway, name, spec(topic, f"life.{topic}", owner="ada"))
    assert changed.status_code == 200 and changed.headers["ETag"] != etag
    stale = requests.put(highway.url("admin", f"/v1/flows/{name}"), json=spec(topic, f"life.{topic}", owner="bob"), headers={"If-Match": etag}, timeout=20)
    assert stale.status_code == 412
    table = get(highway, f"/v1/tables/life.{topic}").json()
    assert table["rows"] == "6" and table["flows"] == [name] and table["partition_by"] == ["day(event_ts)"] and table["location"]
    assert requests.delete(highway.url("admin", f"/v1/flows/{name}"), timeout=30).status_code == 204
    assert get(highway, f"/v1/flows/{name}").status_code == 404
    assert requests.get(highway.url("connect", "/connectors"), timeout=10).json() == []
    assert highway.count(f"life.{topic}") == 6, "the table stays"


def test_a_lost_connector_is_given_to_the_worker_again(highway):
    topic, name = unique("lost"), unique("flow")
    highway.send(topic, [{"payload": {}}])
    assert put(highway, name, spec(topic, f"lost.{topic}")).status_code == 201
    requests.delete(highway.url("connect", f"/connectors/{name}"), timeout=20).raise_for_status()
    highway.kill("admin")
    highway.wait_healthy("admin")
    wait_until("the connector is back", lambda: name in requests.get(highway.url("connect", "/connectors"), timeout=10).json())
    wait_until("the flow knows", lambda: get(highway, f"/v1/flows/{name}").json()["status"]["state"] in ("flowing", "waiting", "catching_up"))


def test_a_connector_of_others_is_shown_read_only(highway):
    name, topic = unique("theirs"), unique("t")
    highway.send(topic, [{"payload": {}}])
    config = {"connector.class": "FileStreamSink", "topics": topic, "file": str(highway.data / "out.txt")}
    requests.put(highway.url("connect", f"/connectors/{name}/config"), json=config, timeout=20).raise_for_status()
    flow = wait_until("it is listed", lambda: next((f for f in get(highway, "/v1/flows").json()["items"] if f["name"] == name), None))
    assert flow["managed"] is False and flow["spec"]["from"]["topics"] == [topic]
    assert requests.delete(highway.url("admin", f"/v1/flows/{name}"), timeout=20).status_code == 409
    assert put(highway, name, spec(topic, "x.y")).status_code == 409


def test_a_part_that_is_away_is_named(highway):
    topic = unique("away")
    highway.send(topic, [{"payload": {}}])
    import os
    import signal
    pid = highway.pid_of("connect")
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_until("unknown", lambda: put(highway, "f", spec(topic, "x.y"), dry_run="all").json()["valid"] is False, 30)
        refused = put(highway, "f", spec(topic, "x.y"))
        assert refused.status_code == 503 and refused.json()["code"] == "connect_unreachable" and refused.json()["retryable"]
    finally:
        os.kill(pid, signal.SIGCONT)
    assert get(highway, "/v1/flows/f").status_code == 404


def test_the_web_ui_is_inside_the_binary(highway):
    page = requests.get(highway.url("admin", "/"), timeout=10)
    assert page.status_code == 200 and page.headers["Content-Type"].startswith("text/html")
    assert "script-src 'self'" in page.headers["Content-Security-Policy"] and page.headers["Cache-Control"] == "no-cache"
    assert requests.get(highway.url("admin", "/"), headers={"If-None-Match": page.headers["ETag"]}, timeout=10).status_code == 304
    assert requests.get(highway.url("admin", "/flows/some/deep/link"), timeout=10).text == page.text
    assert requests.get(highway.url("admin", "/assets/nothing.js"), timeout=10).status_code == 404
    assert requests.get(highway.url("admin", "/v1/nothing"), timeout=10).status_code == 404
    import re
    for asset in re.findall(r'(?:src|href)="(/assets/[^"]+)"', page.text):
        for encoding in ("br", "gzip", "identity"):
            answer = requests.get(highway.url("admin", asset), headers={"Accept-Encoding": encoding}, timeout=10)
            assert answer.status_code == 200 and "immutable" in answer.headers["Cache-Control"]
            assert answer.headers.get("Content-Encoding", "identity") in (encoding, "identity")
    assert "/v1/flows/{flow}" in requests.get(highway.url("admin", "/v1/openapi.json"), timeout=10).json()["paths"]


def test_each_request_is_in_the_access_log(highway):
    requests.get(highway.url("admin", "/v1/info"), headers={"User-Agent": 'odd "agent"'}, timeout=10)
    lines = (highway.data / "logs/access.log").read_text().splitlines()
    assert any('"GET /v1/info HTTP/1.1" 200 ' in line and 'odd \\x22agent\\x22' in line for line in lines)
