"""`highway up`: one command starts everything, one signal stops it; what stands in the way is named with the fix."""
import os
import pathlib
import signal
import socket
import subprocess
import time

import requests

from conftest import HIGHWAY, ROLES, Highway, free_port_offset, port_is_free, wait_until


def run(*args, timeout=30, env=None):
    return subprocess.run([str(HIGHWAY), *args], capture_output=True, text=True, timeout=timeout, env={**os.environ, **(env or {})},
                          stdin=subprocess.DEVNULL)


def test_everything_starts_says_where_and_stops_in_order(highway):
    wait_until("the table of addresses", lambda: "Web UI" in highway.output.read_text())
    text = highway.output.read_text()
    for role in ("catalog", "ingest", "connect", "admin"):
        assert highway.url(role) in text
    assert text.index(highway.url("connect")) < text.index(highway.url("admin")), "the UI comes last"
    pids = {role: highway.pid_of(role) for role in ROLES}
    assert all(pids.values())
    began = time.monotonic()
    assert highway.stop() == 0
    assert time.monotonic() - began < 12
    assert not any(pathlib.Path(f"/proc/{pid}").exists() for pid in pids.values())
    assert "killed" not in highway.output.read_text(), "every role stopped by itself"


def test_children_die_with_a_killed_supervisor(start_highway):
    highway = start_highway()
    pids = [highway.pid_of(role) for role in ROLES]
    highway.process.send_signal(signal.SIGKILL)
    highway.process.wait()
    wait_until("all roles gone", lambda: not any(pathlib.Path(f"/proc/{pid}/exe").exists() for pid in pids), 10)
    again = Highway(highway.data.parent, offset=highway.offset).start()  # same directory, same ports
    assert again.stop() == 0


def test_a_killed_role_comes_back(highway):
    first = highway.kill("ingest")
    highway.wait_healthy("ingest", 10)
    assert highway.pid_of("ingest") != first
    assert "ingest was killed" in highway.output.read_text()


def test_a_port_in_use_is_named_with_the_fix(tmp_path):
    offset = free_port_offset()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 8181 + offset))
        taken.listen()
        done = run("up", "--data", str(tmp_path / "data"), "--port-offset", str(offset))
    assert done.returncode == 2
    assert str(8181 + offset) in done.stderr and "catalog" in done.stderr and "--port-offset" in done.stderr


def test_a_second_up_on_one_directory_is_refused(highway):
    done = run("up", "--data", str(highway.data), "--port-offset", str(free_port_offset()))
    assert done.returncode == 2
    assert str(highway.process.pid) in done.stderr and "--data" in done.stderr


def test_an_unusable_data_directory_is_named_with_the_fix(tmp_path):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a directory")
    for bad in (in_the_way, in_the_way / "below", pathlib.Path("/proc/highway")):
        done = run("up", "--data", str(bad), "--port-offset", str(free_port_offset()))
        assert done.returncode == 2, done.stderr
        assert str(bad) in done.stderr and "--data" in done.stderr


def test_bad_settings_are_all_named(tmp_path):
    conf = tmp_path / "highway.conf"
    conf.write_text("[ingest]\nlisten.prot = 1\n[admn]\nx = 1\n")
    done = run("up", "--data", str(tmp_path / "d"), "--config", str(conf), "--set", "admin.listen.port=abc")
    assert done.returncode == 2
    for word in ("listen.port", "[admn]", "admin", "abc"):
        assert word in done.stderr


def test_words_and_options_are_checked():
    for args, word in ((["topc"], "topic"), (["topic", "lst"], "list"), (["up", "--dta", "x"], "--data"), (["serve", "lgo"], "log"),
                       (["sql"], "usage"), (["up", "--data", "a", "--data", "b"], "twice"), (["topic", "list", "-o", "jsn"], "json")):
        done = run(*args)
        assert done.returncode == 2 and word in done.stderr, (args, done.stderr)
        assert done.stdout == ""
    assert run("help").returncode == 0 and run("version").stdout.startswith("highway ")


def test_nobody_there_is_exit_code_7():
    done = run("topic", "list", "--url", "http://127.0.0.1:9")
    assert done.returncode == 7 and "highway up" in done.stderr


def test_command_line_speaks_to_the_running_highway(highway):
    env = {"HIGHWAY_COMMON_PORT_OFFSET": str(highway.offset)}
    assert highway.send("cli.topic", [{"payload": {"n": 2**63 - 1}}]).status_code == 200
    wait_until("the topic is listed", lambda: "cli.topic" in run("topic", "list", env=env).stdout)
    assert str(2**63 - 1) in run("topic", "sample", "cli.topic", env=env).stdout
    made = run("flow", "create", "cli", "--topic", "cli.topic", "--table", "cli.t", "--freshness", "200ms", env=env)
    assert made.returncode == 0, made.stderr
    wait_until("the row", lambda: run("sql", "select count(*) as n from cli.t", "-o", "csv", env=env).stdout.split() == ["n", "1"], 30)
    assert run("flow", "show", "nothing", env=env).returncode == 3
    assert run("flow", "create", "cli2", "--topic", "cli.topic", "--table", "no dots", env=env).returncode == 6
    listed = run("flow", "list", "-o", "jsonl", env=env)
    assert '"name":"cli"' in listed.stdout and listed.stderr == ""
    assert "cli.t" in run("table", "list", env=env).stdout
    doctor = run("doctor", "--data", str(highway.data), "--port-offset", str(highway.offset))
    assert doctor.returncode == 0, doctor.stdout
    assert run("flow", "delete", "cli", env=env).returncode == 0
    assert run("doctor", "--port-offset", str(free_port_offset())).returncode == 1


def test_an_own_kafka_replaces_the_embedded_log(tmp_path):
    offset = free_port_offset()
    highway = Highway(tmp_path, bootstrap="127.0.0.1:9", offset=offset)
    highway.process = subprocess.Popen(highway.args, stdout=open(highway.output, "ab"), stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        wait_until("the API", lambda: requests.get(highway.url("admin", "/v1/info"), timeout=2).status_code == 200)
        assert requests.get(highway.url("admin", "/health"), timeout=5).status_code == 503, "not ready, and saying so"
        assert highway.pid_of("log") is None and port_is_free(9092 + offset)
        away = requests.get(highway.url("admin", "/v1/topics"), timeout=10)
        assert away.status_code == 503 and away.json()["code"] == "kafka_unreachable" and "127.0.0.1:9" in away.json()["hint"]
    finally:
        highway.stop()
