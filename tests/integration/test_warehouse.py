"""The catalog role and the warehouse library by themselves: what PyIceberg sees, and what is left after things were killed."""
import concurrent.futures
import json
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest
import requests

from conftest import HIGHWAY, free_port, wait_until

TOOLS = pathlib.Path(os.environ.get("HIGHWAY_TOOLS", HIGHWAY.parent)) / "src/warehouse/tests"


class Catalog:
    def __init__(self, directory):
        self.data, self.port, self.process = pathlib.Path(directory), free_port(), None
        self.uri = f"http://127.0.0.1:{self.port}"

    def start(self):
        self.process = subprocess.Popen(
            [HIGHWAY, "serve", "catalog", "--set", f"common.data.dir={self.data}", "--set", f"catalog.listen.port={self.port}"],
            stdout=open(self.data.parent / "catalog.log", "ab"), stderr=subprocess.STDOUT)
        wait_until("catalog healthy", lambda: requests.get(self.uri + "/health", timeout=1).status_code == 200)
        return self

    def kill(self, how=signal.SIGKILL):
        self.process.send_signal(how)
        return self.process.wait()

    def append(self, table, writer, topic, partition, up_to, step, pause_ms=0, **more):
        return subprocess.Popen([TOOLS / "append_tool", self.uri, table, writer, topic, str(partition), str(up_to), str(step),
                                 str(pause_ms)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)

    def append_all(self, *args, **more):
        process = self.append(*args, **more)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        return out

    def sql(self, statement, *limits):
        done = subprocess.run([TOOLS / "sql_tool", self.uri, statement, *map(str, limits)], capture_output=True, text=True)
        return json.loads(done.stdout) if done.returncode == 0 else done.stderr

    def pyiceberg(self):
        from pyiceberg.catalog.rest import RestCatalog
        return RestCatalog("highway", uri=self.uri)

    def ids(self, table):
        return self.pyiceberg().load_table(table).scan(selected_fields=("event_id",)).to_arrow()["event_id"].to_pylist()

    def post(self, path, body):
        return requests.post(self.uri + path, json=body, timeout=30)


@pytest.fixture
def catalog(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    catalog = Catalog(data).start()
    yield catalog
    if catalog.process.poll() is None:
        assert catalog.kill(signal.SIGTERM) == 0


def expected(topic, partition, count):
    return sorted(f"{topic}-{partition}-{i}" for i in range(count))


def test_pyiceberg_reads_what_was_appended(catalog):
    catalog.append_all("events.clicks", "flow", "clicks", 0, 3000, 700)
    assert sorted(catalog.ids("events.clicks")) == expected("clicks", 0, 3000)
    table = catalog.pyiceberg().load_table("events.clicks")
    assert [str(f.transform) for f in table.spec().fields] == ["day"]
    assert len(table.scan(row_filter="_offset < 10").to_arrow()) == 10
    assert len(table.scan(row_filter="event_id == 'clicks-0-2999'").to_arrow()) == 1
    # One row a minute from 14:13 on: the first 10 hours lie in the first day's file, and bounds leave the others out.
    assert len(list(table.scan(row_filter="_offset < 10").plan_files())) == 1
    row = table.scan(row_filter="_offset == 5").to_arrow().to_pylist()[0]
    assert row["event_ts"].isoformat() == "2026-09-21T14:18:20+00:00" and json.loads(row["payload"])["n"] == 5
    files = table.inspect.files().to_pylist()
    assert sum(f["record_count"] for f in files) == 3000
    assert all(pathlib.Path(f["file_path"].removeprefix("file://")).stat().st_size == f["file_size_in_bytes"] for f in files)


def test_pyiceberg_may_make_write_and_change_the_same_table(catalog):
    import pyarrow
    from pyiceberg.types import StringType
    text, time_type = pyarrow.string(), pyarrow.timestamp("us", "UTC")
    columns = {"_offset": pyarrow.int64(), "extra": text, "event_ts": time_type, "event_id": text, "event_version": text,
               "event_name": text, "payload": text, "_topic": text, "_partition": pyarrow.int32(), "_kafka_ts": time_type}
    client = catalog.pyiceberg()
    client.create_namespace("events")
    table = client.create_table("events.clicks", pyarrow.schema(columns.items()))  # other order, other ids, no partitions
    catalog.append_all("events.clicks", "flow", "clicks", 0, 2000, 2000)  # two days in one file
    table.refresh()
    table.append(table.scan(row_filter="_offset < 5").to_arrow().set_column(
        3, "event_id", pyarrow.array([f"copy-{i}" for i in range(5)])))
    with table.update_schema() as update:
        update.add_column("note", StringType())
        update.rename_column("extra", "more")
    table.manage_snapshots().create_tag(table.current_snapshot().snapshot_id, "mine").commit()
    # Its snapshot carries no offsets of ours: they are found below it, and nothing is written twice.
    catalog.append_all("events.clicks", "flow", "clicks", 0, 2100, 50)
    assert sorted(catalog.ids("events.clicks")) == sorted(expected("clicks", 0, 2100) + [f"copy-{i}" for i in range(5)])
    assert catalog.sql("SELECT count(*), count(note), count(more) FROM events.clicks")["rows"] == [["2105", "0", "0"]]
    assert "mine" in client.load_table("events.clicks").metadata.refs


def test_a_table_that_cannot_take_events_is_refused(catalog):
    import pyarrow
    client = catalog.pyiceberg()
    client.create_namespace("events")
    client.create_table("events.orders", pyarrow.schema([("event_id", pyarrow.int64())]))
    client.create_table("events.empty", pyarrow.schema([("x", pyarrow.int64())]))
    for table, word in (("events.orders", '"event_id"'), ("events.empty", "no column"), ("Events.x", "events.clicks")):
        task = catalog.append(table, "flow", "t", 0, 1, 1)
        _, err = task.communicate(timeout=60)
        assert task.returncode == 1 and err.startswith("config: ") and word in err


def test_pyiceberg_catalog_operations(catalog):
    import pyarrow
    from pyiceberg.exceptions import (NamespaceAlreadyExistsError, NamespaceNotEmptyError, NoSuchNamespaceError,
                                      NoSuchTableError, TableAlreadyExistsError)
    client = catalog.pyiceberg()
    client.create_namespace("shop", {"owner": "me"})
    client.create_namespace(("shop", "eu"))
    with pytest.raises(NamespaceAlreadyExistsError):
        client.create_namespace("shop")
    assert client.list_namespaces() == [("shop",)] and client.list_namespaces("shop") == [("shop", "eu")]
    assert client.load_namespace_properties("shop") == {"owner": "me"}
    summary = client.update_namespace_properties("shop", {"missing", "owner"}, {"a": "b"})
    assert (summary.removed, summary.updated, summary.missing) == (["owner"], ["a"], ["missing"])
    data = pyarrow.table({"x": pyarrow.array([1, 2, 3], pyarrow.int64()), "s": ["a", "b", "c"]})
    table = client.create_table("shop.orders", data.schema, properties={"p": "q"})
    table.append(data)
    with client.create_table_transaction(("shop", "eu", "returns"), data.schema) as staged:  # stage-create
        staged.append(data)
    assert catalog.sql('SELECT sum(x) FROM "shop.eu".returns')["rows"] == [["6"]]
    with pytest.raises(TableAlreadyExistsError):
        client.create_table("shop.orders", data.schema)
    with pytest.raises(NoSuchNamespaceError):
        client.create_table("nowhere.orders", data.schema)
    with pytest.raises(NamespaceNotEmptyError):
        client.drop_namespace("shop")
    client.rename_table("shop.orders", "shop.sales")
    with pytest.raises(NoSuchTableError):
        client.load_table("shop.orders")
    assert client.table_exists("shop.sales") and not client.table_exists("shop.orders")
    table = client.load_table("shop.sales")
    table.overwrite(data.slice(0, 1))
    assert catalog.sql("SELECT x, s FROM shop.sales")["rows"] == [["1", "a"]]
    location = table.metadata_location
    client.drop_table("shop.sales")
    client.register_table("shop.back", location)
    client.drop_table("shop.back")
    client.purge_table(("shop", "eu", "returns"))
    assert not list((catalog.data / "warehouse/shop.eu").glob("returns/data/*"))
    client.drop_namespace(("shop", "eu"))
    client.drop_namespace("shop")
    assert client.list_namespaces() == []


def test_sqlite_file_opens_with_pyiceberg_alone(catalog):
    from pyiceberg.catalog.sql import SqlCatalog
    catalog.append_all("events.clicks", "flow", "clicks", 0, 10, 10)
    catalog.kill(signal.SIGTERM)
    other = SqlCatalog("iceberg", uri=f"sqlite:///{catalog.data}/catalog/catalog.db", warehouse=f"file://{catalog.data}/warehouse")
    assert len(other.load_table("events.clicks").scan().to_arrow()) == 10
    catalog.start()


def test_tasks_of_one_connector_commit_at_once(catalog):
    tasks = [catalog.append("events.busy", "flow", "busy", partition, 400, 10) for partition in range(3)]
    tasks.append(catalog.append("events.busy", "other", "busy2", 0, 400, 10))
    for task in tasks:
        _, err = task.communicate(timeout=120)
        assert task.returncode == 0, err
    wanted = sum((expected("busy", p, 400) for p in range(3)), []) + expected("busy2", 0, 400)
    assert sorted(catalog.ids("events.busy")) == sorted(wanted)
    # 160 commits: manifests were merged, so their number stays far below.
    manifests = catalog.pyiceberg().load_table("events.busy").current_snapshot().manifests(
        catalog.pyiceberg().load_table("events.busy").io)
    assert len(manifests) <= 101


def test_metadata_stays_small_over_many_commits(catalog):
    catalog.append_all("events.many", "flow", "many", 0, 330, 1)
    table = catalog.pyiceberg().load_table("events.many")
    assert sorted(catalog.ids("events.many")) == expected("many", 0, 330)
    assert 100 <= len(table.metadata.snapshots) <= 240
    assert len(table.metadata.metadata_log) <= 100
    folder = catalog.data / "warehouse/events/many/metadata"
    assert len(list(folder.glob("*.metadata.json"))) <= 102
    assert len(list(folder.glob("*"))) < 700
    # Every snapshot kept can still be read.
    oldest = min(table.metadata.snapshots, key=lambda s: s.sequence_number)
    assert len(table.scan(snapshot_id=oldest.snapshot_id).to_arrow()) == oldest.sequence_number


def test_killing_the_catalog_mid_commit_loses_and_doubles_nothing(catalog):
    task = catalog.append("events.killed", "flow", "killed", 0, 2500, 10, 1)
    for _ in range(6):
        time.sleep(0.7)
        catalog.kill()
        time.sleep(0.2)
        catalog.start()
    _, err = task.communicate(timeout=120)
    assert task.returncode == 0, err
    assert sorted(catalog.ids("events.killed")) == expected("killed", 0, 2500)


def test_killing_the_writer_mid_commit_loses_and_doubles_nothing(catalog):
    for _ in range(8):
        task = catalog.append("events.killed", "flow", "killed", 0, 2000, 10)
        time.sleep(0.5)
        task.kill()
        task.communicate()
    catalog.append_all("events.killed", "flow", "killed", 0, 2000, 100)
    assert sorted(catalog.ids("events.killed")) == expected("killed", 0, 2000)


def test_a_zombie_task_gives_up_and_writes_nothing(catalog):
    zombie = catalog.append("events.zombie", "flow", "zombie", 0, 100, 10, 300)
    zombie.stdout.readline()
    zombie.send_signal(signal.SIGSTOP)
    catalog.append_all("events.zombie", "flow", "zombie", 0, 200, 20)  # the partition's new owner
    zombie.send_signal(signal.SIGCONT)
    _, err = zombie.communicate(timeout=60)
    assert zombie.returncode == 3 and "another task" in err
    assert sorted(catalog.ids("events.zombie")) == expected("zombie", 0, 200)
    files = {f["file_path"].removeprefix("file://") for f in
             catalog.pyiceberg().load_table("events.zombie").inspect.files().to_pylist()}
    assert {str(p) for p in (catalog.data / "warehouse/events/zombie/data").rglob("*.parquet")} == files  # it cleaned up


def test_commits_are_refused_by_name(catalog):
    catalog.append_all("events.clicks", "flow", "clicks", 0, 10, 10)
    path = "/v1/namespaces/events/tables/clicks"
    metadata = requests.get(catalog.uri + path).json()["metadata"]
    old = {"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": 1}
    snapshot = dict(metadata["snapshots"][-1], **{"snapshot-id": 77, "parent-snapshot-id": metadata["current-snapshot-id"]})
    cases = [
        ({"requirements": [old], "updates": []}, 409, "CommitFailedException", "expected 1"),
        ({"requirements": [{"type": "assert-table-uuid", "uuid": "x"}], "updates": []}, 409, "CommitFailedException", "UUID"),
        ({"requirements": [{"type": "assert-create"}], "updates": []}, 409, "CommitFailedException", "exists"),
        ({"requirements": [{"type": "assert-moon"}], "updates": []}, 400, "BadRequestException", "assert-moon"),
        ({"requirements": [], "updates": [{"action": "fly"}]}, 400, "BadRequestException", "fly"),
        ({"requirements": [], "updates": [{"action": "add-snapshot", "snapshot": snapshot}]}, 409, "CommitFailedException", "sequence"),
        ({"requirements": [], "updates": [{"action": "set-location", "location": "file:///etc"}]}, 400, "BadRequestException", "inside"),
        ({"requirements": [], "updates": [{"action": "set-current-schema", "schema-id": 9}]}, 400, "BadRequestException", "schema"),
        ({"requirements": [], "updates": [{"action": "remove-snapshots", "snapshot-ids": [metadata["current-snapshot-id"]]}]},
         400, "BadRequestException", "current"),
        ({"requirements": []}, 400, "BadRequestException", "updates"),
    ]
    for body, status, kind, word in cases:
        answer = catalog.post(path, body)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["type"]) == (status, status, kind), answer.text
        assert word in error["message"]
    assert requests.get(catalog.uri + path).json()["metadata"] == metadata  # nothing changed
    assert catalog.post("/v1/namespaces/events/tables/none", {"requirements": [], "updates": []}).status_code == 404
    bad = requests.post(catalog.uri + path, data="{nope")
    assert bad.status_code == 400 and "JSON" in bad.json()["error"]["message"]
    for location in ("file:///etc/x", f"file://{catalog.data}/warehouse/../x", "s3://b/x"):
        answer = catalog.post("/v1/namespaces/events/tables", {"name": "x", "location": location, "schema": {"fields": []}})
        assert answer.status_code == 400, answer.text
    answer = catalog.post("/v1/namespaces/events/register", {"name": "x", "metadata-location": "file:///etc/passwd"})
    assert answer.status_code == 400
    assert catalog.post("/v1/namespaces", {"namespace": ["../x"]}).status_code == 400


def test_transactions_change_all_tables_or_none(catalog):
    for name in ("a", "b"):
        catalog.append_all(f"events.{name}", "flow", name, 0, 1, 1)
    change = [{"identifier": {"namespace": ["events"], "name": name}, "requirements": [],
               "updates": [{"action": "set-properties", "updates": {"k": "v"}}]} for name in ("a", "b")]
    assert catalog.post("/v1/transactions/commit", {"table-changes": change}).status_code == 204
    change[1]["requirements"] = [{"type": "assert-current-schema-id", "current-schema-id": 5}]
    change[0]["updates"][0]["updates"]["k"] = "w"
    assert catalog.post("/v1/transactions/commit", {"table-changes": change}).status_code == 409
    for name in ("a", "b"):
        assert catalog.pyiceberg().load_table(f"events.{name}").properties["k"] == "v"


def test_sql_reads_current_snapshots_and_nothing_else(catalog):
    catalog.append_all("events.clicks", "flow", "clicks", 0, 1000, 500)
    assert catalog.sql("SELECT count(*) FROM events.clicks")["rows"] == [["1000"]]
    assert catalog.sql("SELECT count(*) FROM clicks WHERE payload->>'$.package' = 'p1'")["rows"] == [["143"]]
    assert catalog.sql("SHOW TABLES")["rows"] == [["events.clicks"]]
    answer = catalog.sql("SELECT event_ts, _offset, _partition FROM events.clicks ORDER BY _offset", 0, 2)
    assert answer["truncated"] and answer["rows"] == [["2026-09-21T14:13:20.000000Z", "0", 0], ["2026-09-21T14:14:20.000000Z", "1", 0]]
    assert [c["type"] for c in answer["columns"]] == ["TIMESTAMP WITH TIME ZONE", "BIGINT", "INTEGER"]
    secret = catalog.data / "secret.csv"
    secret.write_text("a\n1\n")
    for statement, word in [("SELECT * FROM events.clickz", 'did you mean "events.clicks"'), ("SELEC 1", "syntax error"),
                            ("SELECT foo FROM events.clicks", "foo"), ("SELECT 1; SELECT 2", "only one"),
                            ("DROP VIEW events.clicks", "only one"), ("", "no statement"),
                            (f"COPY events.clicks TO '{catalog.data}/warehouse/events/clicks/x.csv'", "only one"),
                            (f"/* x */ COPY events.clicks TO '{catalog.data}/warehouse/events/clicks/x.csv'", "only one"),
                            ("SET memory_limit = '9GB'", "only one"), ("EXPLAIN ANALYZE SELECT 1", "only one"),
                            (f"SELECT * FROM read_csv('{secret}')", "Permission"),
                            (f"SELECT * FROM read_csv('{catalog.data}/warehouse/events/clicks/../../../secret.csv')", "Permission"),
                            ("INSTALL httpfs", "only one"), ("ATTACH 'x.db'", "only one")]:
        answer = catalog.sql(statement)
        assert isinstance(answer, str) and answer.startswith("data: ") and word in answer, (statement, answer)
    assert not list(catalog.data.rglob("x.csv"))
    begun = time.monotonic()
    assert "took longer" in catalog.sql("SELECT count(*) FROM range(1000000000) a, range(1000) b", 400)
    assert time.monotonic() - begun < 10
    assert "memory" in catalog.sql("SELECT list(a.range) FROM range(1000000000) a", 60000)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(catalog.sql, ["SELECT max(_offset) FROM events.clicks"] * 8))
    assert all(a["rows"] == [["999"]] for a in answers)


def test_tables_are_listed_with_their_figures(catalog):
    assert catalog.sql("tables") == []
    catalog.append_all("events.clicks", "flow", "clicks", 0, 10, 5)
    (table,) = catalog.sql("tables")
    assert (table["name"], table["rows"], table["files"]) == ("events.clicks", "10", 2)
    assert [c["name"] for c in table["columns"]][:2] == ["event_id", "event_ts"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", table["last_commit"])
    assert int(table["bytes"]) > 0 and int(table["snapshot_id"]) > 0
