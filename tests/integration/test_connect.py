"""The Connect worker alone against a real Apache Kafka: REST, file source → topic → file sink, kills, poison, offsets."""
import json
import os
import signal
import subprocess
import time

import pytest
import requests

from conftest import HIGHWAY, Kafka, free_port, port_is_free, unique, wait_until

SOURCE = "org.apache.kafka.connect.file.FileStreamSourceConnector"
SINK = "FileStreamSink"


class Worker:
    """`highway serve connect` on ports of its own, its state topics too."""

    def __init__(self, directory, bootstrap):
        self.directory, self.bootstrap, self.port = directory, bootstrap, free_port()
        self.id = unique("w")
        self.log = directory / "worker.log"
        self.process = None

    def start(self, healthy=True):
        sets = {"common.data.dir": self.directory / "data", "connect.listen.port": self.port,
                "kafka.bootstrap.servers": self.bootstrap, "connect.config.storage.topic": f"{self.id}-configs",
                "connect.offset.storage.topic": f"{self.id}-offsets", "connect.status.storage.topic": f"{self.id}-status",
                "connect.group.id": self.id, "common.log.level": "debug"}
        args = [str(HIGHWAY), "serve", "connect"]
        for key, value in sets.items():
            args += ["--set", f"{key}={value}"]
        self.process = subprocess.Popen(args, stdout=open(self.log, "ab"), stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        if healthy:
            wait_until("the worker healthy", lambda: self.get("/health").status_code == 200, 40)
        return self

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                assert self.process.wait(20) == 0, self.log.read_text()[-3000:]
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise

    def kill(self):
        self.process.kill()
        self.process.wait()

    def call(self, method, path, **options):
        return requests.request(method, f"http://127.0.0.1:{self.port}{path}", timeout=20, **options)

    def get(self, path, **options):
        return self.call("GET", path, **options)

    def create(self, name, **config):
        answer = self.call("POST", "/connectors", json={"name": name, "config": config})
        assert answer.status_code == 201, answer.text
        return answer

    def status(self, name):
        return self.get(f"/connectors/{name}/status").json()

    def wait_state(self, name, state, timeout=20):
        def reached():
            status = self.status(name)
            return status["connector"]["state"] == state and status["tasks"] and \
                all(t["state"] == state for t in status["tasks"]) and status
        return wait_until(f"{name} {state}", reached, timeout)


class EmbeddedLog:
    """`highway serve log` alone."""

    def __init__(self, directory):
        self.port = free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.args = [str(HIGHWAY), "serve", "log", "--set", f"common.data.dir={directory}/log-data", "--set", f"log.listen.port={self.port}"]
        self.output = directory / "log.log"
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.args, stdout=open(self.output, "ab"), stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        wait_until("the log accepts", lambda: not port_is_free(self.port), 20)
        return self

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)


@pytest.fixture(params=["embedded", "kafka"])
def broker(request, tmp_path):
    if request.param == "kafka":
        yield request.getfixturevalue("kafka")
        return
    log = EmbeddedLog(tmp_path).start()
    try:
        yield log
    finally:
        log.stop()


@pytest.fixture
def worker(broker, tmp_path, request):
    w = Worker(tmp_path, broker.bootstrap)
    try:
        yield w.start()
    finally:
        if getattr(request.node, "failed", False):
            print(w.log.read_text(errors="replace")[-6000:])
        w.stop()


def lines_of(path):
    return path.read_text().splitlines() if path.exists() else []


def read_topic(bootstrap, topic):
    """Everything that is in a topic now."""
    from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": unique("reader"), "enable.partition.eof": True})
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in partitions])
    messages, ended = [], set()
    while len(ended) < len(partitions):
        message = consumer.poll(10)
        assert message is not None, "Kafka stopped answering"
        if not message.error():
            messages.append(message)
        elif message.error().code() == KafkaError._PARTITION_EOF:
            ended.add(message.partition())
    consumer.close()
    return messages


def produce(bootstrap, topic, values, **more):
    from confluent_kafka import Producer
    producer = Producer({"bootstrap.servers": bootstrap})
    for value in values:
        producer.produce(topic, value.encode(), **more)
    assert producer.flush(20) == 0


def test_lines_travel_from_file_to_topic_to_file(worker, tmp_path):
    topic, source, sink = unique("lines"), unique("source"), unique("sink")
    incoming, outgoing = tmp_path / "in.txt", tmp_path / "out.txt"
    incoming.write_text("one\ntwo\npart")
    created = worker.create(source, **{"connector.class": SOURCE, "file": str(incoming), "topic": topic, "tasks.max": "3"})
    assert created.headers["Location"] == f"/connectors/{source}"
    assert created.json()["name"] == source and created.json()["type"] == "source"
    worker.create(sink, **{"connector.class": SINK, "file": str(outgoing), "topics": topic})
    wait_until("two lines", lambda: lines_of(outgoing) == ["one", "two"])
    with incoming.open("a") as f:
        f.write("ial\nfour\n")
    wait_until("four lines", lambda: sorted(lines_of(outgoing)) == ["four", "one", "partial", "two"])
    status = worker.wait_state(sink, "RUNNING")
    assert status["type"] == "sink" and len(status["tasks"]) == 1
    wait_until("lag 0", lambda: worker.status(sink)["tasks"][0]["highway"]["lag_records"] == 0)
    assert worker.status(sink)["tasks"][0]["highway"]["records"] == 4
    assert len(worker.status(source)["tasks"]) == 1, "a file has one task, whatever tasks.max says"
    wait_until("topics of the sink", lambda: worker.get(f"/connectors/{sink}/topics").json() == {sink: {"topics": [topic]}})

    offsets = wait_until("the source's offset", lambda: worker.get(f"/connectors/{source}/offsets").json()["offsets"])
    wait_until("the whole file stored", lambda: worker.get(f"/connectors/{source}/offsets").json()["offsets"] ==
               [{"partition": {"filename": str(incoming)}, "offset": {"position": incoming.stat().st_size}}])
    assert offsets[0]["partition"] == {"filename": str(incoming)}

    def sink_total():
        return sum(o["offset"]["kafka_offset"] for o in worker.get(f"/connectors/{sink}/offsets").json()["offsets"]) == 4
    wait_until("the sink's offsets committed", sink_total)

    # Rotation: the rest of the old file, then the new one.
    incoming.rename(tmp_path / "in.txt.1")
    with (tmp_path / "in.txt.1").open("a") as f:
        f.write("late\n")
    incoming.write_text("fresh\n")
    wait_until("rotated lines", lambda: {"late", "fresh"} <= set(lines_of(outgoing)))


def test_pause_resume_stop_restart_delete(worker, tmp_path, broker):
    topic, name = unique("t"), unique("sink")
    out = tmp_path / "out.txt"
    produce(broker.bootstrap, topic, ["a", "b"])
    worker.create(name, **{"connector.class": "file", "file": str(out), "topics": topic, "tasks.max": "2"})
    worker.wait_state(name, "RUNNING")
    wait_until("first lines", lambda: sorted(lines_of(out)) == ["a", "b"])
    assert [t["id"] for t in worker.get(f"/connectors/{name}/tasks").json()] == \
        [{"connector": name, "task": 0}, {"connector": name, "task": 1}]

    assert worker.call("PUT", f"/connectors/{name}/pause").status_code == 202
    worker.wait_state(name, "PAUSED")
    produce(broker.bootstrap, topic, ["c"])
    time.sleep(1)
    assert sorted(lines_of(out)) == ["a", "b"]
    assert worker.call("PUT", f"/connectors/{name}/resume").status_code == 202
    wait_until("after resume", lambda: sorted(lines_of(out)) == ["a", "b", "c"], 30)

    assert worker.call("POST", f"/connectors/{name}/restart").status_code == 204
    again = worker.call("POST", f"/connectors/{name}/restart", params={"includeTasks": "true", "onlyFailed": "false"})
    assert again.status_code == 202 and {t["state"] for t in again.json()["tasks"]} == {"RESTARTING"}, again.text
    worker.wait_state(name, "RUNNING")
    assert worker.call("POST", f"/connectors/{name}/tasks/1/restart").status_code == 204
    worker.wait_state(name, "RUNNING")
    assert worker.call("POST", f"/connectors/{name}/tasks/7/restart").status_code == 404
    assert worker.get(f"/connectors/{name}/tasks/0/status").json()["state"] == "RUNNING"
    produce(broker.bootstrap, topic, ["d"])
    wait_until("after restart", lambda: sorted(lines_of(out)) == ["a", "b", "c", "d"], 30)

    refused = worker.call("DELETE", f"/connectors/{name}/offsets")
    assert refused.status_code == 400 and "STOPPED" in refused.json()["message"]
    assert worker.call("PUT", f"/connectors/{name}/stop").status_code == 204
    wait_until("stopped", lambda: worker.status(name)["connector"]["state"] == "STOPPED" and not worker.status(name)["tasks"])
    assert worker.get(f"/connectors/{name}").json()["tasks"] == []
    wait_until("offsets reset", lambda: worker.call("DELETE", f"/connectors/{name}/offsets").status_code == 200, 30, 0.5)
    assert worker.call("PUT", f"/connectors/{name}/resume").status_code == 202
    wait_until("all read again", lambda: len(lines_of(out)) == 8, 30)

    assert worker.call("DELETE", f"/connectors/{name}").status_code == 204
    wait_until("gone", lambda: worker.get(f"/connectors/{name}/status").status_code == 404)
    assert worker.get("/connectors").json() == []
    assert worker.call("DELETE", f"/connectors/{name}").status_code == 404


def test_kill_9_resumes_where_it_was(worker, tmp_path):
    topic, source, sink = unique("t"), unique("source"), unique("sink")
    incoming, outgoing = tmp_path / "in.txt", tmp_path / "out.txt"
    incoming.write_text("".join(f"{i}\n" for i in range(5000)))
    worker.create(source, **{"connector.class": "file", "file": str(incoming), "topic": topic})
    worker.create(sink, **{"connector.class": "file", "file": str(outgoing), "topics": topic})
    paused = unique("paused")
    worker.create(paused, **{"connector.class": "file", "file": "/dev/null", "topics": topic})
    worker.call("PUT", f"/connectors/{paused}/pause")
    wait_until("some lines", lambda: len(lines_of(outgoing)) > 100)
    worker.kill()
    with incoming.open("a") as f:
        f.write("".join(f"{i}\n" for i in range(5000, 6000)))
    began = time.monotonic()
    worker.start()
    wait_until("all lines", lambda: {str(i) for i in range(6000)} <= set(lines_of(outgoing)), 40)
    print(f"kill -9 to all lines: {time.monotonic() - began:.1f} s, {len(lines_of(outgoing))} lines written for 6000")
    worker.wait_state(paused, "PAUSED")
    with incoming.open("a") as f:
        f.write("last\n")
    wait_until("still going", lambda: "last" in lines_of(outgoing))


def test_graceful_stop_leaves_no_duplicates(worker, tmp_path):
    topic, source, sink = unique("t"), unique("source"), unique("sink")
    incoming, outgoing = tmp_path / "in.txt", tmp_path / "out.txt"
    incoming.write_text("".join(f"{i}\n" for i in range(3000)))
    worker.create(source, **{"connector.class": "file", "file": str(incoming), "topic": topic})
    worker.create(sink, **{"connector.class": "file", "file": str(outgoing), "topics": topic})
    wait_until("some lines", lambda: len(lines_of(outgoing)) > 10)
    worker.stop()
    worker.start()
    wait_until("all lines", lambda: len(lines_of(outgoing)) >= 3000, 40)
    time.sleep(1)
    assert sorted(map(int, lines_of(outgoing))) == list(range(3000))


def test_validation_names_every_fault(worker):
    plugins = worker.get("/connector-plugins").json()
    assert {(p["class"], p["type"]) for p in plugins} >= {(SOURCE, "source"),
                                                          (SOURCE.replace("Source", "Sink"), "sink")}
    assert len(worker.get("/connector-plugins", params={"connectorsOnly": "false"}).json()) > len(plugins)
    keys = worker.get(f"/connector-plugins/{SOURCE}/config").json()
    assert {k["name"] for k in keys} >= {"file", "topic", "batch.size"}
    bad = {"connector.class": SOURCE, "name": "x", "tasks.max": "none", "bach.size": "5", "transforms": "a",
           "transforms.a.type": "T", "value.converter": "org.apache.kafka.connect.json.JsonConverter", "file": "/tmp/x",
           "producer.override.acks": "0", "producer.override.no.such": "1"}
    infos = worker.call("PUT", f"/connector-plugins/FileStreamSource/config/validate", json=bad)
    assert infos.status_code == 200, infos.text
    infos = infos.json()
    errors = {c["value"]["name"]: c["value"]["errors"] for c in infos["configs"] if c["value"]["errors"]}
    assert set(errors) == {"tasks.max", "bach.size", "transforms", "value.converter", "topic", "producer.override.acks",
                           "producer.override.no.such"}, errors
    assert infos["error_count"] == 7 and "batch.size" in errors["bach.size"][0]
    name = next(c["definition"] for c in infos["configs"] if c["value"]["name"] == "file")
    assert name["order"] == name["order_in_group"] and name["type"] == "STRING" and name["required"] is True
    created = worker.call("POST", "/connectors", json={"name": "x", "config": bad})
    assert created.status_code == 400
    body = created.json()
    assert body["error_code"] == 400 and "contains the following 7 error(s)" in body["message"]
    assert all(key in body["message"] for key in errors)
    assert worker.get("/connectors/x").status_code == 404

    unknown = worker.call("POST", "/connectors", json={"name": "x", "config": {"connector.class": "Nope"}})
    assert unknown.status_code == 400 and "FileStreamSourceConnector" in unknown.json()["message"]
    for body, word in (("{", "JSON"), ("[]", "object"), ('{"name":"x"}', "config"), ('{"config":{}}', "name"),
                       ('{"name":"a/b","config":{}}', "URL"), ('{"name":"x","config":{"a":{}}}', "text")):
        answer = worker.call("POST", "/connectors", data=body)
        assert answer.status_code == 400 and word in answer.json()["message"], (body, answer.text)


def test_config_is_put_patched_and_watched(worker, tmp_path, broker):
    topic, name = unique("t"), unique("sink")
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    config = {"connector.class": "file", "file": str(one), "topics": topic}
    assert worker.call("PUT", f"/connectors/{name}/config", json=config).status_code == 201
    assert worker.call("PUT", f"/connectors/{name}/config", json=config).status_code == 200
    mismatch = worker.call("PUT", f"/connectors/{name}/config", json={**config, "name": "other"})
    assert mismatch.status_code == 400
    assert worker.call("POST", "/connectors", json={"name": name, "config": config}).status_code == 409
    produce(broker.bootstrap, topic, ["1"])
    wait_until("a line in one", lambda: lines_of(one) == ["1"], 30)
    patched = worker.call("PATCH", f"/connectors/{name}/config", json={"file": str(two), "errors.tolerance": "all", "topics": topic})
    assert patched.status_code == 200 and patched.json()["config"]["file"] == str(two)
    assert "errors.tolerance" not in worker.call("PATCH", f"/connectors/{name}/config", json={"errors.tolerance": None}).json()["config"]
    assert worker.get(f"/connectors/{name}/config").json() == {**config, "file": str(two), "name": name}
    time.sleep(1)
    produce(broker.bootstrap, topic, ["2"])
    wait_until("a line in two", lambda: lines_of(two) == ["2"], 30)
    both = worker.get("/connectors?expand=status&expand=info").json()
    assert both[name]["info"]["type"] == "sink" and both[name]["status"]["connector"]["state"] == "RUNNING"
    stopped = unique("stopped")
    created = worker.call("POST", "/connectors", json={"name": stopped, "config": config, "initial_state": "STOPPED"})
    assert created.status_code == 201
    wait_until("stopped", lambda: worker.status(stopped)["connector"]["state"] == "STOPPED")


def test_failing_task_is_shown_and_restarted(worker, tmp_path, broker):
    topic, name = unique("t"), unique("sink")
    produce(broker.bootstrap, topic, ["1"])
    worker.create(name, **{"connector.class": "file", "file": str(tmp_path / "no" / "dir"), "topics": topic})
    status = wait_until("failed", lambda: (s := worker.status(name))["tasks"] and s["tasks"][0]["state"] == "FAILED" and s)
    assert "cannot write file" in status["tasks"][0]["trace"] and status["connector"]["state"] == "RUNNING"
    assert status["tasks"][0]["highway"]["next_restart_at"] is None, "a setting does not mend itself"
    (tmp_path / "no").mkdir()
    assert worker.call("POST", f"/connectors/{name}/restart", params={"includeTasks": "true", "onlyFailed": "true"}).status_code == 202
    worker.wait_state(name, "RUNNING")
    wait_until("the line", lambda: lines_of(tmp_path / "no" / "dir") == ["1"], 30)


def test_state_is_in_java_records(worker, tmp_path, broker):
    name = unique("source")
    incoming = tmp_path / "in.txt"
    incoming.write_text("x\n")
    worker.create(name, **{"connector.class": "file", "file": str(incoming), "topic": unique("t")})
    wait_until("offset", lambda: worker.get(f"/connectors/{name}/offsets").json()["offsets"])
    worker.call("PUT", f"/connectors/{name}/pause")
    worker.wait_state(name, "PAUSED")
    records = {m.key().decode(): m.value() for m in read_topic(broker.bootstrap, f"{worker.id}-configs")}
    assert json.loads(records[f"connector-{name}"])["properties"]["file"] == str(incoming)
    assert json.loads(records[f"task-{name}-0"])["properties"]["file"] == str(incoming)
    assert json.loads(records[f"commit-{name}"]) == {"tasks": 1}
    assert json.loads(records[f"target-state-{name}"]) == {"state": "PAUSED", "state.v2": "PAUSED"}
    offset = read_topic(broker.bootstrap, f"{worker.id}-offsets")[0]
    assert offset.key().decode() == f'["{name}",{{"filename":"{incoming}"}}]' and offset.value() == b'{"position":2}'
    wait_until("states written", lambda: any(b"PAUSED" in (m.value() or b"") for m in read_topic(broker.bootstrap, f"{worker.id}-status")))


@pytest.mark.parametrize("kind", ["embedded", "kafka"])
def test_tasks_survive_a_restart_of_the_broker(tmp_path_factory, tmp_path, kind):
    broker = EmbeddedLog(tmp_path) if kind == "embedded" else Kafka(tmp_path_factory.mktemp("restarted"))
    worker = Worker(tmp_path, broker.bootstrap)
    try:
        broker.start()
        worker.start()
        topic, source, sink = unique("t"), unique("source"), unique("sink")
        incoming, outgoing = tmp_path / "in.txt", tmp_path / "out.txt"
        incoming.write_text("before\n")
        worker.create(source, **{"connector.class": "file", "file": str(incoming), "topic": topic})
        worker.create(sink, **{"connector.class": "file", "file": str(outgoing), "topics": topic})
        wait_until("before", lambda: lines_of(outgoing) == ["before"])
        broker.process.kill()
        broker.process.wait()
        with incoming.open("a") as f:
            f.write("during\n")
        assert worker.get(f"/connectors/{sink}/status").status_code == 200
        time.sleep(1)
        if kind == "embedded":
            broker.start()
        else:
            log = open(broker.directory / "kafka.log", "ab")
            broker.process = subprocess.Popen(broker.java("kafka.Kafka", str(broker.directory / "server.properties")), stdout=log, stderr=log)
        wait_until("during", lambda: set(lines_of(outgoing)) == {"before", "during"}, 60)
        worker.wait_state(sink, "RUNNING")
        worker.wait_state(source, "RUNNING")
        worker.stop()
    finally:
        if worker.process and worker.process.poll() is None:
            worker.process.kill()
        broker.stop()


def event(i):
    return json.dumps({"metadata": {"id": f"0193b2a0-0000-7000-8000-{i:012d}", "timestamp": "2026-11-20T20:00:00.000000Z", "version": "1"},
                       "payload": {"i": i}, "event_name": "x"})


@pytest.fixture
def catalog(tmp_path):
    port = free_port()
    process = subprocess.Popen([str(HIGHWAY), "serve", "catalog", "--set", f"common.data.dir={tmp_path}/data",
                                "--set", f"catalog.listen.port={port}"], stdout=open(tmp_path / "catalog.log", "ab"),
                               stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    wait_until("the catalog healthy", lambda: requests.get(f"http://127.0.0.1:{port}/health", timeout=2).status_code == 200)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def test_poison_is_set_aside_or_stops_the_task_at_itself(worker, broker, catalog):
    from confluent_kafka import Producer
    topic, name, dead = unique("events"), unique("sink"), unique("dlq.sink")
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    for i in range(20):
        if i in (7, 19):
            producer.produce(topic, value=None, key=f"k{i}", headers={"own": b"header"})  # no event: a tombstone
        else:
            producer.produce(topic, event(i), key=f"k{i}")
    assert producer.flush(20) == 0
    worker.create(name, **{"connector.class": "warehouse", "topics": topic, "table": f"events.{topic.replace('.', '_')}",
                           "catalog.uri": catalog, "commit.interval.ms": "1000"})
    status = wait_until("failed", lambda: (s := worker.status(name))["tasks"] and s["tasks"][0]["state"] == "FAILED" and s, 30)
    trace = status["tasks"][0]["trace"]
    assert topic in trace and "offset" in trace and "errors.tolerance" in trace, trace
    assert status["tasks"][0]["highway"]["next_restart_at"] is None
    patched = worker.call("PATCH", f"/connectors/{name}/config", json={
        "errors.tolerance": "all", "errors.deadletterqueue.topic.name": dead, "errors.deadletterqueue.topic.replication.factor": "1"})
    assert patched.status_code == 200, patched.text
    worker.wait_state(name, "RUNNING")
    wait_until("all read", lambda: worker.status(name)["highway"]["lag_records"] == 0 and
               worker.status(name)["highway"]["dead_letters"] == 2, 30)
    letters = read_topic(broker.bootstrap, dead)
    assert sorted(m.key() for m in letters) == [b"k19", b"k7"]
    headers = dict(letters[0].headers())
    assert headers["own"] == b"header" and letters[0].value() is None
    assert headers["__connect.errors.topic"] == topic.encode() and headers["__connect.errors.connector.name"] == name.encode()
    assert headers["__connect.errors.stage"] == b"TASK_PUT" and headers["__connect.errors.exception.message"]
    from pyiceberg.catalog import load_catalog
    table = load_catalog("c", type="rest", uri=catalog).load_table(f"events.{topic.replace('.', '_')}")

    def ids():
        return table.refresh().scan(selected_fields=("event_id",)).to_arrow()["event_id"].to_pylist()
    wait_until("18 rows", lambda: len(ids()) == 18, 20, 0.5)
    # The offsets end behind the last record, though it was a dead letter.
    wait_until("committed", lambda: sum(o["offset"]["kafka_offset"] for o in worker.get(f"/connectors/{name}/offsets").json()["offsets"]) == 20, 20, 0.5)


def test_worker_waits_for_kafka_and_says_so(tmp_path):
    broker = EmbeddedLog(tmp_path)
    worker = Worker(tmp_path, broker.bootstrap)
    worker.start(healthy=False)
    try:
        waiting = wait_until("503", lambda: (a := worker.get("/health")).status_code == 503 and "does not answer" in a.text and a.text, 20)
        assert broker.bootstrap in waiting
        refused = worker.get("/connectors")
        assert refused.status_code == 503 and refused.json()["error_code"] == 503
        began = time.monotonic()
        worker.stop()
        assert time.monotonic() - began < 5, "nothing to wait for"
        worker.start(healthy=False)
        broker.start()
        wait_until("healthy", lambda: worker.get("/health").status_code == 200, 20)
        assert worker.get("/").json()["kafka_cluster_id"]
        worker.stop()
    finally:
        if worker.process.poll() is None:
            worker.process.kill()
        if broker.process:
            broker.stop()
