"""The embedded log after bad days: kill -9, torn tails, flipped bits, a port or directory it cannot have."""
import os
import random
import subprocess
import threading
import time

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from log_process import Log


@pytest.fixture
def log(tmp_path):
    log = Log(tmp_path / "data").start()
    yield log
    if log.process.poll() is None:
        log.kill()


def read_all(log, topic, partitions=1):
    consumer = Consumer({"bootstrap.servers": log.bootstrap, "group.id": "reader", "enable.partition.eof": True, "check.crcs": True})
    consumer.assign([TopicPartition(topic, p, 0) for p in range(partitions)])
    rows, ended = [], set()
    deadline = time.monotonic() + 30
    while len(ended) < partitions and time.monotonic() < deadline:
        for message in consumer.consume(5000, 0.2):
            if message.error():
                ended.add(message.partition())
            else:
                rows.append((message.partition(), message.offset(), message.key(), message.value()))
    consumer.close()
    assert len(ended) == partitions
    return rows


def fill(log, topic, count, start=0):
    producer = Producer({"bootstrap.servers": log.bootstrap, "enable.idempotence": True, "batch.num.messages": 10, "linger.ms": 1})
    for i in range(start, start + count):
        producer.produce(topic, key=str(i), value=f"value {i}", partition=0)
    assert producer.flush(30) == 0


def test_kill_9_under_idempotent_producers_neither_loses_nor_doubles(log):
    admin = AdminClient({"bootstrap.servers": log.bootstrap})
    admin.create_topics([NewTopic("events", 3, 1)])["events"].result()
    acked, sent, fatal = [set() for _ in range(3)], [0] * 3, []
    stop = threading.Event()

    def run(worker):
        producer = Producer({"bootstrap.servers": log.bootstrap, "enable.idempotence": True, "acks": "all", "linger.ms": 2,
                             "batch.num.messages": 50, "reconnect.backoff.max.ms": 200, "message.timeout.ms": 120000},
                            error_cb=lambda e: fatal.append(e) if e.fatal() else None)

        def delivered(error, message):
            if error:
                fatal.append(error)
            else:
                acked[worker].add(int(message.key().split(b"-")[1]))

        while not stop.is_set():
            for _ in range(50):
                producer.produce("events", key=f"{worker}-{sent[worker]}", value=b"x" * 200, partition=worker, on_delivery=delivered)
                sent[worker] += 1
            producer.poll(0.01)
        assert producer.flush(60) == 0

    threads = [threading.Thread(target=run, args=(w,)) for w in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        time.sleep(random.uniform(0.3, 1.2))
        log.kill()
        log.start()
    time.sleep(0.5)
    stop.set()
    for thread in threads:
        thread.join(90)
    assert not fatal
    rows = read_all(log, "events", 3)
    for worker in range(3):
        keys = [int(key.split(b"-")[1]) for partition, _, key, _ in rows if partition == worker]
        assert acked[worker] == set(range(sent[worker]))
        assert keys == sorted(set(keys)), "doubled or out of order"
        assert set(keys) == acked[worker], "lost"


def test_committed_offsets_and_groups_survive_kill_9(log):
    fill(log, "work", 100)
    consumer = Consumer({"bootstrap.servers": log.bootstrap, "group.id": "workers", "auto.offset.reset": "earliest", "enable.auto.commit": False})
    consumer.subscribe(["work"])
    deadline = time.monotonic() + 15
    while not consumer.assignment() and time.monotonic() < deadline:
        consumer.poll(0.1)
    consumer.commit(offsets=[TopicPartition("work", 0, 42)], asynchronous=False)
    log.kill()
    log.start()
    assert consumer.committed([TopicPartition("work", 0)], timeout=10)[0].offset == 42
    time.sleep(1)
    consumer.poll(0.5)
    assert len(consumer.assignment()) == 1 and "generation=2" not in log.said()  # the member is still known
    consumer.close()


def test_a_torn_tail_is_cut_and_reported(log):
    fill(log, "torn", 200)
    log.kill()
    segment = log.partition_dir("torn") / f"{0:020d}.log"
    with open(segment, "ab") as file:
        file.write(os.urandom(97))
    log.start()
    assert [int(k) for _, _, k, _ in read_all(log, "torn")] == list(range(200))
    said = log.said()
    assert "torn tail cut" in said and str(segment) in said and "bytes_cut=97" in said
    fill(log, "torn", 10, start=200)
    assert [int(k) for _, _, k, _ in read_all(log, "torn")] == list(range(210))


def flip(path, position):
    with open(path, "r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ 1]))


def test_a_flipped_bit_after_a_clean_stop_is_never_served(log):
    fill(log, "flip", 200)
    log.stop()
    segment = log.partition_dir("flip") / f"{0:020d}.log"
    flip(segment, segment.stat().st_size // 2)
    log.start()
    consumer = Consumer({"bootstrap.servers": log.bootstrap, "group.id": "x", "fetch.max.bytes": 1000000})
    consumer.assign([TopicPartition("flip", 0, 0)])
    values = [m.value() for m in consumer.consume(300, 3) if not m.error()]
    consumer.close()
    assert all(v.startswith(b"value ") for v in values)
    assert "damaged at byte" in log.said() and str(segment) in log.said()


def test_a_flipped_bit_after_a_crash_is_reported_with_file_and_position(log):
    fill(log, "flip", 200)
    log.kill()
    segment = log.partition_dir("flip") / f"{0:020d}.log"
    flip(segment, segment.stat().st_size // 2)
    log.start()
    keys = [int(k) for _, _, k, _ in read_all(log, "flip")]
    assert 150 <= len(keys) < 200 and keys == sorted(keys)  # only the batch with the flipped bit is missing
    said = log.said()
    assert "damaged batch taken out" in said and str(segment) in said and "position=" in said
    assert list(log.partition_dir("flip").glob("*.log.damaged-*"))


def test_compaction_keeps_the_last_value_of_each_key_also_across_kill_9(tmp_path):
    log = Log(tmp_path / "data", "log.log.cleaner.backoff.ms=200").start()
    admin = AdminClient({"bootstrap.servers": log.bootstrap})
    admin.create_topics([NewTopic("state", 1, 1, config={"cleanup.policy": "compact", "segment.bytes": "50000", "delete.retention.ms": "0"})])["state"].result()
    producer = Producer({"bootstrap.servers": log.bootstrap, "linger.ms": 1, "batch.num.messages": 100, "compression.type": "lz4"})
    for round_ in range(40):
        for key in range(100):
            producer.produce("state", key=f"k{key}", value=None if key == 7 and round_ == 20 else os.urandom(100).hex() + f" {round_}" if key != 7 or round_ < 20 else None)
        producer.flush(10)
        if round_ in (15, 30):
            log.kill()
            log.start()
    deadline = time.monotonic() + 20
    while log.said().count("INFO log: compacted") < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.5)
    rows = read_all(log, "state")
    assert len(rows) < 2000, "compaction removed little"
    last = {key: value for _, _, key, value in rows}
    assert all(last[f"k{key}".encode()].endswith(b" 39") for key in range(100) if key != 7)
    assert last.get(b"k7") is None
    offsets = [offset for _, offset, _, _ in rows]
    assert offsets == sorted(set(offsets))
    log.kill()
    log.start()
    assert {key: value for _, _, key, value in read_all(log, "state")} == last or b"k7" in last
    log.stop()


def test_old_segments_are_dropped_by_size(tmp_path):
    log = Log(tmp_path / "data", "log.log.retention.check.interval.ms=200").start()
    admin = AdminClient({"bootstrap.servers": log.bootstrap})
    admin.create_topics([NewTopic("short", 1, 1, config={"segment.bytes": "20000", "retention.bytes": "60000"})])["short"].result()
    fill(log, "short", 20000)
    deadline = time.monotonic() + 10
    while "segment dropped" not in log.said() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.5)
    consumer = Consumer({"bootstrap.servers": log.bootstrap, "group.id": "x"})
    low, high = consumer.get_watermark_offsets(TopicPartition("short", 0), timeout=10)
    consumer.close()
    assert 0 < low < high == 20000
    log.kill()
    log.start()
    log.stop()


def test_a_start_takes_little_time(log):
    admin = AdminClient({"bootstrap.servers": log.bootstrap})
    admin.create_topics([NewTopic("many", 200, 1)])["many"].result()
    log.stop()
    began = time.monotonic()
    log.start()
    assert time.monotonic() - began < 1.0


def test_a_port_in_use_is_named(log, tmp_path):
    other = Log(tmp_path / "other", port=log.port)
    done = subprocess.run(other.command(), capture_output=True, text=True, timeout=20)
    assert done.returncode != 0 and str(log.port) in done.stderr


def test_a_directory_in_use_is_named(log, tmp_path):
    other = Log(log.data)
    done = subprocess.run(other.command(), capture_output=True, text=True, timeout=20)
    assert done.returncode != 0 and "in use by another" in done.stderr and "data.dir" in done.stderr


def test_an_unusable_directory_is_named(tmp_path):
    (tmp_path / "file").write_text("not a directory")
    done = subprocess.run(Log(tmp_path / "file" / "data").command(), capture_output=True, text=True, timeout=20)
    assert done.returncode != 0 and str(tmp_path / "file" / "data") in done.stderr and "data.dir" in done.stderr
