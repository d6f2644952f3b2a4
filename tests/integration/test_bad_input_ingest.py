"""Bad input at the HTTP door: each gets an answer that names the fault and what to do, and stores nothing."""
import socket

import pytest
from conftest import unique
from door import Door, Log


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    directory = tmp_path_factory.mktemp("door")
    log = Log(directory).start()
    running = Door(directory, log.bootstrap, max_event_bytes=10000, max_body_bytes=200000, max_request_events=1000)
    try:
        yield running.start()
        assert running.process.poll() is None, running.text()
    finally:
        assert running.stop() == 0, running.text()
        log.stop()


@pytest.mark.parametrize("body, words", [
    (b"", ["empty"]),
    (b"hello", ["not JSON", "line 1", "column"]),
    (b'{"payload":{}', ["not JSON", "line 1"]),
    (b'{\n "payload": {\n  "a": 01\n }\n}', ["not JSON", "line 3"]),
    (b'{"payload":{"a":NaN}}', ["not JSON"]),
    (b"{'payload':{}}", ["not JSON"]),
    (b'{"payload":{"a":"\xff"}}', ["not JSON", "UTF-8"]),
    (b'{"payload":{}}\n{"payload":{}}', ["not JSON", "application/x-ndjson"]),
    (b'{"payload":' + b'{"a":' * 200 + b"1" + b"}" * 200 + b"}", ["deep"]),
    (b"[" * 100000, ["not JSON"]),
])
def test_not_json(door, body, words):
    answer = door.post("/v1/events/bad", body)
    assert answer.status_code == 400 and answer.headers["Content-Type"].startswith("application/problem+json")
    for word in words:
        assert word in answer.json()["detail"], answer.text


@pytest.mark.parametrize("topic, status, words", [
    ("a%20b", 400, ["[", "249"]),
    ("%2e%2e", 400, ["topic"]),
    ("x" * 250, 400, ["249"]),
    ("%C3%BC", 400, ["topic"]),
    ("__consumer_offsets", 403, ["internal"]),
    ("_schemas", 403, ["internal"]),
    ("highway-connect-configs", 403, ["internal"]),
])
def test_topic_names(door, topic, status, words):
    if topic == "%2e%2e":  # clients resolve dots themselves: send it raw
        with socket.create_connection(("127.0.0.1", door.port)) as s:
            s.sendall(b"POST /v1/events/%2e%2e HTTP/1.1\r\nHost: x\r\nContent-Length: 14\r\n\r\n" + b'{"payload":{}}')
            assert s.recv(65536).split()[1] in (b"400", b"404")
        return
    answer = door.post(f"/v1/events/{topic}", '{"payload":{}}')
    assert answer.status_code == status, answer.text
    if topic.startswith(("a%", "x", "%C3")):
        words = ["a-z", "249"]
    for word in words:
        assert word in answer.json()["detail"]


@pytest.mark.parametrize("body, path, keyword, words", [
    ("7", "", "type", ["object"]),
    ("{}", "/payload", "required", ["payload", "wrap=1"]),
    ('{"payload":[1]}', "/payload", "type", ["object", "array"]),
    ('{"paylaod":{}}', "/payload", "required", []),
    ('{"payload":{},"evnt_name":"x"}', "/evnt_name", "additionalProperties", ["did you mean", "event_name"]),
    ('{"payload":{},"metadata":{"timestamp":"20.11.2026"}}', "/metadata/timestamp", "format", ["RFC 3339", "20.11.2026"]),
    ('{"payload":{},"metadata":{"id":17}}', "/metadata/id", "type", ["string"]),
    ('{"payload":{},"payload":{}}', "/payload", "unique", ["twice"]),
])
def test_wrong_envelopes(door, body, path, keyword, words):
    answer = door.post("/v1/events/bad", body)
    assert answer.status_code == 422 and answer.json()["counts"]["invalid"] == 1
    error = answer.json()["results"][0]["errors"][0]
    assert (error["path"], error["keyword"]) == (path, keyword)
    for word in words:
        assert word in error["text"]


def test_sizes(door):
    big = '{"payload":{"x":"' + "y" * 10000 + '"}}'
    answer = door.post("/v1/events/bad", big)
    assert answer.status_code == 413 and answer.json()["results"][0]["errors"][0]["keyword"] == "size"
    topic = unique("sizes")
    answer = door.post(f"/v1/events/{topic}", f'{{"payload":{{}}}}\n{big}', "application/x-ndjson")
    assert answer.status_code == 207 and len(door.records(topic)) == 1
    assert door.post("/v1/events/bad", "x" * 200001).status_code == 413
    answer = door.post("/v1/events/bad", '{"payload":{}}\n' * 1001, "application/x-ndjson")
    assert answer.status_code == 413 and "1000" in answer.json()["detail"]


@pytest.mark.parametrize("headers, word", [
    ({"Content-Type": "application/x-www-form-urlencoded"}, "application/json"),
    ({"Content-Type": "application/xml"}, "application/json"),
    ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, "uncompressed"),
])
def test_content_types(door, headers, word):
    answer = door.post("/v1/events/bad", '{"payload":{}}', None, headers=headers)
    assert answer.status_code == 415 and word in answer.json()["detail"]


def test_only_bad_lines_are_400(door):
    answer = door.post("/v1/events/bad", "a\nb\n", "application/x-ndjson")
    assert answer.status_code == 400 and answer.json()["counts"]["invalid"] == 2
    assert door.post("/v1/events/bad", " \n\n", "application/x-ndjson").json()["counts"]["received"] == 0


def test_methods_paths_and_parameters(door):
    assert door.session.get(door.url("/v1/events/x"), timeout=5).status_code == 405
    assert door.session.post(door.url("/v1/evens/x"), timeout=5).status_code == 404
    assert door.post("/v1/events/bad?report=some", '{"payload":{}}').status_code == 400


def test_answers_stay_small_however_much_is_wrong(door):
    answer = door.post("/v1/events/bad", "\n".join(['{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7}'] * 1000), "application/x-ndjson")
    assert answer.status_code == 422 and answer.json()["errors_cut"] is True and len(answer.json()["results"]) == 1000
    assert len(answer.content) < 2_000_000


def test_hang_ups_and_floods_do_no_harm(door):
    for raw in (b"POST /v1/events/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", b"\x00" * 1000, b"GET / HTTP/1.1\r\n" + b"a" * 200000):
        with socket.create_connection(("127.0.0.1", door.port)) as s:
            try:
                s.sendall(raw)
            except OSError:
                pass
    assert door.health().status_code == 200


def test_a_port_in_use_is_named(door, tmp_path):
    second = Door(tmp_path, door.bootstrap)
    second.args = [word.replace(str(second.port), str(door.port)) for word in second.args]
    second.process = None
    super(Door, second).start()
    assert second.process.wait(20) != 0
    assert str(door.port) in second.text()
