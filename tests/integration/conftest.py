"""Fixtures of the integration stories: the real binary, a real Apache Kafka, and what a user would type against them."""
import contextlib
import itertools
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import time
import uuid

import pytest
import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
HIGHWAY = pathlib.Path(os.environ.get("HIGHWAY_BIN", ROOT / "build/release/highway"))
DEPS = ROOT / "build/deps"
ROLES = {"log": 9092, "catalog": 8181, "ingest": 8084, "connect": 8083, "admin": 8080}
_offsets = itertools.count(random.Random(os.getpid()).randrange(100, 600) * 20, 20)


def pytest_addoption(parser):
    parser.addoption("--acceptance", action="store_true", help="the long campaigns instead of the quick ones")


def wait_until(what, check, timeout=30.0, every=0.05):
    """Polls check until it is truthy and returns that; says what was awaited when it never came."""
    deadline = time.monotonic() + timeout
    last = None
    while time.monotonic() < deadline:
        try:
            value = check()
            if value:
                return value
            last = value
        except (requests.RequestException, OSError, KeyError, IndexError) as error:
            last = error
        time.sleep(every)
    raise AssertionError(f"waited {timeout:g} s for: {what} (last: {last!r})")


def port_is_free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def free_port_offset():
    """An offset at which all ports of a highway are free, below the ephemeral range."""
    for number in _offsets:
        offset = number % 22000
        if all(port_is_free(port + offset) for port in ROLES.values()):
            return offset


def free_port():
    while True:
        port = random.randrange(12000, 30000)
        if port_is_free(port) and port_is_free(port + 1):
            return port


class Highway:
    """`highway up` in a directory of its own."""

    def __init__(self, directory, *args, bootstrap=None, offset=None):
        self.data = pathlib.Path(directory) / "data"
        self.offset = free_port_offset() if offset is None else offset
        self.embedded = bootstrap is None
        self.bootstrap = bootstrap or f"127.0.0.1:{9092 + self.offset}"
        self.args = [str(HIGHWAY), "up", "--data", str(self.data), "--port-offset", str(self.offset), *args]
        if bootstrap:
            self.args += ["--bootstrap-servers", bootstrap]
        self.process = None
        self.output = pathlib.Path(directory) / "up.log"

    def url(self, role, path=""):
        return f"http://127.0.0.1:{ROLES[role] + self.offset}{path}"

    def start(self, timeout=30):
        self.process = subprocess.Popen(self.args, stdout=open(self.output, "ab"), stderr=subprocess.STDOUT,
                                        stdin=subprocess.DEVNULL)
        for role in ("catalog", "ingest", "connect", "admin"):
            self.wait_healthy(role, timeout)
        return self

    def wait_healthy(self, role, timeout=30):
        def healthy():
            if self.process.poll() is not None:
                raise AssertionError(f"highway up ended with {self.process.returncode}:\n{self.output.read_text()[-3000:]}")
            return requests.get(self.url(role, "/health"), timeout=2).status_code == 200
        wait_until(f"{role} healthy", healthy, timeout)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("highway up did not stop within 20 s of SIGTERM")
        return self.process.returncode if self.process else None

    def pid_of(self, role):
        """The process of a role: a direct child of `highway up` running `highway serve ROLE`."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in children:
            with contextlib.suppress(OSError):
                words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                if words[1:3] == [b"serve", role.encode()]:
                    return int(pid)
        return None

    def kill(self, role):
        pid = wait_until(f"process of {role}", lambda: self.pid_of(role))
        os.kill(pid, signal.SIGKILL)
        wait_until(f"{role} gone", lambda: self.pid_of(role) != pid)
        return pid

    # What users do.
    def send(self, topic, events, session=requests, **params):
        body = "\n".join(json.dumps(e) for e in events)
        return session.post(self.url("ingest", f"/v1/events/{topic}"), data=body.encode(), params=params,
                            headers={"Content-Type": "application/x-ndjson"}, timeout=40)

    def flow(self, name, topic, table, freshness="1s", **more):
        body = {"kind": "sink", "plugin": "warehouse", "from": {"topics": [topic]}, "to": {"table": table},
                "freshness": freshness, **more}
        return requests.put(self.url("admin", f"/v1/flows/{name}"), json=body, timeout=30)

    def sql(self, statement):
        answer = requests.post(self.url("admin", "/v1/sql"), json={"sql": statement}, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def count(self, table):
        answer = requests.post(self.url("admin", "/v1/sql"), json={"sql": f"select count(*) from {table}"}, timeout=60)
        return int(answer.json()["rows"][0][0]) if answer.status_code == 200 else 0

    def table_ids(self, table):
        """Every event_id of the table, as an engine of somebody else reads it, given only the catalog's URL."""
        from pyiceberg.catalog import load_catalog
        catalog = load_catalog("highway", type="rest", uri=self.url("catalog"))
        return catalog.load_table(table).scan(selected_fields=("event_id",)).to_arrow()["event_id"].to_pylist()

    def role_log(self, role, size=4000):
        path = self.data / "logs" / f"{role}.log"
        return path.read_text(errors="replace")[-size:] if path.exists() else "(no log)"


class Kafka:
    """A real Apache Kafka, one node (KRaft)."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.port = free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.process = None

    def java(self, *args, heap="512m", **more):
        return ["java", f"-Xmx{heap}", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{DEPS}/kafka/*", *args]

    def start(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        properties = self.directory / "server.properties"
        properties.write_text(f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{self.port + 1}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.port + 1}
advertised.listeners=PLAINTEXT://127.0.0.1:{self.port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={self.directory}/logs
num.partitions=4
offsets.topic.num.partitions=8
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
""")
        log = open(self.directory / "kafka.log", "ab")
        subprocess.run(self.java("kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", str(properties)),
                       check=True, stdout=log, stderr=log)
        self.process = subprocess.Popen(self.java("kafka.Kafka", str(properties)), stdout=log, stderr=log)
        wait_until("Apache Kafka accepts", lambda: not port_is_free(self.port), 60, 0.2)
        return self

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@pytest.fixture(scope="session", autouse=True)
def binary():
    if not HIGHWAY.exists():
        pytest.exit(f"{HIGHWAY} is not there: run make build", 2)
    return HIGHWAY


@pytest.fixture
def start_highway(tmp_path, request):
    """start_highway(*args, bootstrap=…) → a running Highway, stopped at the end; shows the roles' logs when the test failed."""
    running = []

    def start(*args, **options):
        directory = tmp_path / f"highway{len(running)}"
        directory.mkdir()
        highway = Highway(directory, *args, **options)
        running.append(highway)
        return highway.start()

    yield start
    failed = getattr(request.node, "failed", False)
    for highway in running:
        with contextlib.suppress(AssertionError):
            highway.stop()
        if failed:
            print(highway.output.read_text(errors="replace")[-3000:])
            for role in ROLES:
                print(f"--- {role}\n{highway.role_log(role)}")
        shutil.rmtree(highway.data, ignore_errors=True)


@pytest.fixture
def highway(start_highway):
    return start_highway()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    broker = Kafka(tmp_path_factory.mktemp("kafka"))
    try:
        yield broker.start()
    finally:
        broker.stop()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if outcome.get_result().failed:
        item.failed = True


def unique(word):
    return f"{word}{uuid.uuid4().hex[:8]}"
