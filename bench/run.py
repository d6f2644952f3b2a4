#!/usr/bin/env python3
"""`make bench`: four first measures, printed as a table and kept in build/bench.json. Ours and Apache Kafka's run on the same machine in
the same run, alternating, so that the ratios mean something where the absolute figures are noisy."""
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/integration"))
from conftest import Highway, Kafka, unique, wait_until  # noqa: E402

RELEASE = ROOT / "build/release"
RECORDS, RECORD_BYTES, ROUNDS = 400_000, 1024, 3
figures = {}


def tool(name, *args):
    path = next(p for p in (RELEASE / name, RELEASE / "bench" / name) if p.exists())
    done = subprocess.run([path, *map(str, args)], capture_output=True, text=True, timeout=300)
    if not done.stdout.strip():
        raise SystemExit(f"bench: {name} failed: {done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def note(name, value, unit):
    figures[name] = {"value": value, "unit": unit}
    print(f"  {name:<58} {value:>12,.1f} {unit}", flush=True)


def median(values):
    return sorted(values)[len(values) // 2]


def log_beside_kafka(highway, kafka):
    print(f"log: produce (acks=all) and consume, {RECORD_BYTES} B records, one client, median of {ROUNDS} alternating rounds")
    got = {}
    for _ in range(ROUNDS):
        for name, bootstrap in (("embedded log", highway.bootstrap), ("Apache Kafka 4.3.1", kafka.bootstrap)):
            topic = unique("bench")
            for what in ("produce", "consume"):
                got.setdefault((name, what), []).append(
                    tool("kafka_load", what, bootstrap, topic, RECORDS, RECORD_BYTES)["mb_per_s"])
    for (name, what), values in got.items():
        note(f"{what}, {name}", median(values), "MB/s")
    for what in ("produce", "consume"):
        note(f"{what}, ours / Kafka's (we fsync before the ack, it does not)",
             median(got["embedded log", what]) / median(got["Apache Kafka 4.3.1", what]), "×")


def ingest(highway):
    print("ingest: HTTP events acknowledged after fsync, embedded log on the same 2 cores")
    for name, args in (("single events, 64 connections", ("--connections", 64, "--mode", "single")),
                       ("NDJSON, 100 a request, 8 connections", ("--connections", 8, "--mode", "ndjson", "--batch", 100)),
                       ("NDJSON, 1,000 a request, 8 connections", ("--connections", 8, "--mode", "ndjson", "--batch", 1000))):
        seen = tool("http_load", "--url", highway.url("ingest", f"/v1/events/{unique('load')}"), "--seconds", 6, *args)
        note(f"{name}", seen["events_per_s"], "events/s")
        note("  p50 / p99 of a request, p50", seen["p50_ms"], "ms")
        note("  p50 / p99 of a request, p99", seen["p99_ms"], "ms")


def topic_to_table(highway):
    print("warehouse: a backlog of events into an Iceberg table (commit interval 1 s)")
    topic, rows = unique("backlog"), 0
    while rows < 500_000:
        seen = tool("http_load", "--url", highway.url("ingest", f"/v1/events/{topic}"), "--connections", 4, "--seconds", 4, "--mode", "ndjson",
                    "--batch", 1000)
        rows += int(seen["events_per_s"] * 4)
    end = 0
    import requests
    end = int(wait_until("the topic's count", lambda: [t for t in requests.get(highway.url("admin", "/v1/topics"), params={"q": topic}, timeout=5)
                         .json()["items"] if t["name"] == topic and int(t["messages"]) > rows * 0.9], 30)[0]["messages"])
    began = time.monotonic()
    highway.flow(topic, topic, f"bench.{topic}")
    wait_until("all rows", lambda: highway.count(f"bench.{topic}") >= end, 300, 0.25)
    note(f"topic → table, {end:,} events from create to all visible", end / (time.monotonic() - began), "rows/s")


def freshness(highway):
    print("freshness: one event by HTTP → visible in SQL, commit interval 1 s, 15 times")
    topic = unique("fresh")
    table = f"bench.{topic}"
    highway.send(topic, [{"payload": {}}])
    highway.flow(topic, topic, table)
    wait_until("the first row", lambda: highway.count(table) == 1, 60)
    times = []
    for n in range(2, 17):
        began = time.monotonic()
        highway.send(topic, [{"payload": {"n": n}}])
        wait_until("the row", lambda: highway.count(table) >= n, 30, 0.02)
        times.append(time.monotonic() - began)
        time.sleep(0.13 * (n % 7))
    note("event → visible in SQL, median", median(times) * 1000, "ms")
    note("event → visible in SQL, worst", max(times) * 1000, "ms")


def main():
    only = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="highway-bench-", dir=ROOT / "build") as directory:
        highway = Highway(directory)
        kafka = Kafka(pathlib.Path(directory) / "kafka")
        try:
            highway.start()
            if not only or "log" in only:
                starter = threading.Thread(target=kafka.start)
                starter.start()
                starter.join()
                log_beside_kafka(highway, kafka)
                kafka.stop()
            if not only or "ingest" in only:
                ingest(highway)
            if not only or "warehouse" in only:
                topic_to_table(highway)
            if not only or "fresh" in only:
                freshness(highway)
        finally:
            highway.stop()
            kafka.stop()
    (ROOT / "build/bench.json").write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
