"""Bad input to the admin API: each gets an answer that names the fault and the fix, and changes nothing."""
import pytest
import requests

GOOD = {"kind": "sink", "plugin": "warehouse", "from": {"topics": ["t"]}, "to": {"table": "a.b"}}


@pytest.fixture(scope="module")
def admin(tmp_path_factory):
    from conftest import Highway
    highway = Highway(tmp_path_factory.mktemp("bad"))
    highway.start()
    yield highway
    highway.stop()


def put(admin, body, name="f", **more):
    data = {"data": body} if isinstance(body, (bytes, str)) else {"json": body}
    return requests.put(admin.url("admin", f"/v1/flows/{name}"), timeout=30, **data, **more)


def pointers(answer):
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    return {error["pointer"]: error for error in answer.json()["errors"]}


@pytest.mark.parametrize("body", ["", "{", "nul", b"\xff", '{"kind":"sink"}x', '{"a":' * 100 + "1" + "}" * 100, "NaN"])
def test_not_json(admin, body):
    answer = put(admin, body)
    assert answer.status_code == 400 and answer.json()["code"] == "bad_json" and answer.json()["detail"]


@pytest.mark.parametrize("change, pointer, code", [
    ({"freshnes": "1s"}, "/freshnes", "unknown"),
    ({"freshness": "soon"}, "/freshness", "format"),
    ({"freshness": "2d"}, "/freshness", "range"),
    ({"kind": "sinc"}, "/kind", "enum"),
    ({"plugin": "warehose"}, "/plugin", "enum"),
    ({"from": {"topics": "t"}}, "/from/topics", "type"),
    ({"from": {"topics": []}}, "/from/topics", "required"),
    ({"from": {"topics": ["a b"]}}, "/from/topics/0", "format"),
    ({"from": {"topics": ["_schemas"]}}, "/from/topics/0", "format"),
    ({"to": {"table": "nodot"}}, "/to/table", "format"),
    ({"to": {"table": "a.b.c d"}}, "/to/table", "format"),
    ({"to": {"table": "../etc.passwd"}}, "/to/table", "format"),
    ({"to": {}}, "/to/table", "required"),
    ({"to": None}, "/to", "type"),
    ({"on_bad_record": "ignore"}, "/on_bad_record", "enum"),
    ({"owner": 7}, "/owner", "type"),
    ({"owner": "x" * 201}, "/owner", "range"),
    ({"config": {"topics": "other"}}, "/config/topics", "conflict"),
    ({"config": {"tasks.max": "many"}}, "/config/tasks.max", "format"),
    ({"config": {"no.such.setting": "1"}}, "/config/no.such.setting", "format"),
])
def test_a_field_that_is_wrong_is_named(admin, change, pointer, code):
    answer = put(admin, {**GOOD, **change})
    assert answer.status_code == 422, answer.text
    found = pointers(answer)
    assert pointer in found and found[pointer]["code"] == code, found
    plan = put(admin, {**GOOD, **change}, params={"dry_run": "all"})
    assert plan.status_code == 200 and plan.json()["valid"] is False
    assert pointer in {error["pointer"] for error in plan.json()["errors"]}


def test_all_faults_at_once_with_the_nearest_word(admin):
    found = pointers(put(admin, {"kind": "sink", "plugin": "warehose", "form": {"topics": ["t"]}, "to": {"table": "x"}, "freshness": "1 day"}))
    assert {"/plugin", "/form", "/from/topics", "/to/table", "/freshness"} <= set(found)
    assert "warehouse" in found["/plugin"]["hint"] and "from" in found["/form"]["hint"]


@pytest.mark.parametrize("name", ["a%20b", "a%2Fb", "%2e%2e", "x" * 201, "%00"])
def test_names_that_cannot_be(admin, name):
    answer = put(admin, GOOD, name=name)
    assert answer.status_code in (400, 404, 422), answer.text
    assert answer.json()["detail"]


def test_nothing_was_made_by_all_this(admin):
    assert requests.get(admin.url("admin", "/v1/flows"), timeout=10).json()["items"] == []
    assert requests.get(admin.url("connect", "/connectors"), timeout=10).json() == []
    assert not [t for t in requests.get(admin.url("admin", "/v1/topics"), timeout=10).json()["items"] if t["name"].startswith("dlq.")]


@pytest.mark.parametrize("path", ["/v1/topics?limit=0", "/v1/topics?limit=x", "/v1/topics?limit=501", "/v1/topics?sort=size", "/v1/topics?internal=maybe",
                                  "/v1/topics?cursor=zzz", "/v1/flows?limit=-1", "/v1/tables?cursor=n", "/v1/topics?cursor=n99999999999999999999999"])
def test_bad_query(admin, path):
    answer = requests.get(admin.url("admin", path), timeout=10)
    assert answer.status_code == 400 and answer.json()["errors"][0]["pointer"].startswith("?"), answer.text


@pytest.mark.parametrize("body, pointer", [({}, "/name"), ({"name": "a b"}, "/name"), ({"name": "__x"}, "/name"), ({"name": "ok", "partitions": 0}, "/partitions"),
                                           ({"name": "ok", "partitions": "4"}, "/partitions"), ({"name": "ok", "partition": 4}, "/partition")])
def test_bad_topics(admin, body, pointer):
    answer = requests.post(admin.url("admin", "/v1/topics"), json=body, timeout=10)
    assert answer.status_code == 422 and pointer in pointers(answer)


@pytest.mark.parametrize("body, status", [({"sql": ""}, 422), ({}, 422), ({"sql": "select 1", "limt": 1}, 422), ({"sql": "select 1", "limit": 0}, 422),
                                          ({"sql": "selec 1"}, 422), ({"sql": "select * from no.such_table"}, 422), ({"sql": "drop table x"}, 422),
                                          ({"sql": "select * from read_csv('/etc/passwd')"}, 422), ({"sql": 5}, 422), ([], 422)])
def test_bad_sql(admin, body, status):
    answer = requests.post(admin.url("admin", "/v1/sql"), json=body, timeout=30)
    assert answer.status_code == status and answer.json()["detail"], answer.text
    assert "root:" not in answer.text


def test_wrong_method_and_unknown_path(admin):
    wrong = requests.delete(admin.url("admin", "/v1/topics"), timeout=10)
    assert wrong.status_code == 405 and "GET" in wrong.headers["Allow"]
    assert requests.get(admin.url("admin", "/v1/flow"), timeout=10).status_code == 404
    assert requests.post(admin.url("admin", "/v1/flows/nothing/actions"), json={"action": "pause"}, timeout=10).status_code == 404
    assert requests.delete(admin.url("admin", "/v1/flows/nothing"), timeout=10).status_code == 404
    assert requests.get(admin.url("admin", "/v1/tables/no.table"), timeout=10).status_code == 404


def test_a_body_that_is_too_large(admin):
    assert put(admin, b"x" * (3 << 20)).status_code == 413
