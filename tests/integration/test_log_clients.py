"""Any Kafka client works against the embedded log: kcat and confluent-kafka, all codecs, groups, admin."""
import subprocess
import time

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, OffsetSpec, ResourceType

from log_process import Log


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    log = Log(tmp_path_factory.mktemp("log") / "data").start()
    yield log
    log.stop()


@pytest.fixture(scope="module")
def admin(log):
    return AdminClient({"bootstrap.servers": log.bootstrap})


def results(futures):
    return {key: future.result() for key, future in futures.items()}


def produce(log, topic, count, **config):
    failures = []
    producer = Producer({"bootstrap.servers": log.bootstrap, "enable.idempotence": True, "linger.ms": 5, **config})
    for i in range(count):
        producer.produce(topic, key=str(i), value="x" * 100 + str(i), on_delivery=lambda e, m: failures.append(e) if e else None)
        if i % 1000 == 0:
            producer.poll(0)
    assert producer.flush(30) == 0
    assert not failures


def consume(consumer, count, timeout=20):
    got, deadline = [], time.monotonic() + timeout
    while len(got) < count and time.monotonic() < deadline:
        got += [m for m in consumer.consume(1000, 0.5) if not m.error()]
    return got


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_every_codec_arrives_in_order_and_offsets_are_found_by_time(log, codec):
    topic = f"codec-{codec}"
    produce(log, topic, 3000, **{"compression.type": codec})
    consumer = Consumer({"bootstrap.servers": log.bootstrap, "group.id": f"g-{codec}", "auto.offset.reset": "earliest",
                         "enable.auto.commit": False, "check.crcs": True})
    consumer.subscribe([topic])
    got = consume(consumer, 3000)
    assert [m.key() for m in got] == [str(i).encode() for i in range(3000)]
    wanted = got[1500].timestamp()[1]
    found = consumer.offsets_for_times([TopicPartition(topic, 0, wanted)], timeout=5)[0].offset
    assert got[found].timestamp()[1] == wanted and (found == 0 or got[found - 1].timestamp()[1] < wanted)
    consumer.commit(offsets=[TopicPartition(topic, 0, 1234, metadata="a note")], asynchronous=False)
    committed = consumer.committed([TopicPartition(topic, 0)], timeout=5)[0]
    assert committed.offset == 1234 and committed.metadata.startswith("a note")
    consumer.close()


def test_kcat_produces_and_consumes(log):
    lines = "".join(f"k{i}:value {i}\n" for i in range(500))
    subprocess.run(["kcat", "-P", "-b", log.bootstrap, "-t", "by-kcat", "-K:"], input=lines, text=True, check=True, timeout=30)
    out = subprocess.run(["kcat", "-C", "-b", log.bootstrap, "-t", "by-kcat", "-o", "beginning", "-e", "-q", "-f", "%k:%s\n"],
                         capture_output=True, text=True, check=True, timeout=30)
    assert out.stdout == lines


def test_a_group_shares_partitions_and_takes_over_from_a_member_that_leaves(log, admin):
    results(admin.create_topics([NewTopic("shared", 4, 1)]))
    members = [Consumer({"bootstrap.servers": log.bootstrap, "group.id": "sharing", "session.timeout.ms": 6000}) for _ in range(2)]
    for member in members:
        member.subscribe(["shared"])

    def settle(those, sizes):
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and [len(m.assignment()) for m in those] != sizes:
            for m in those:
                m.poll(0.05)
        assert [len(m.assignment()) for m in those] == sizes

    settle(members, [2, 2])
    members[0].close()
    settle(members[1:], [4])
    members[1].close()


def test_a_static_member_comes_back_without_a_rebalance(log, admin):
    results(admin.create_topics([NewTopic("fixed", 2, 1)]))
    config = {"bootstrap.servers": log.bootstrap, "group.id": "fixed-group", "group.instance.id": "one", "session.timeout.ms": 10000}
    for _ in range(2):
        consumer = Consumer(config)
        consumer.subscribe(["fixed"])
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and len(consumer.assignment()) != 2:
            consumer.poll(0.05)
        assert len(consumer.assignment()) == 2
        consumer.close()
    assert log.said().count("group=fixed-group generation=1") == 1
    assert "group=fixed-group generation=2" not in log.said()


def test_admin_creates_grows_describes_alters_and_deletes(log, admin):
    results(admin.create_topics([NewTopic("adm", 3, 1, config={"cleanup.policy": "compact"})]))
    for bad, word in [(NewTopic("adm", 3, 1), "already exists"), (NewTopic("adm2", 3, 3), "replication factor"),
                      (NewTopic("bad name", 1, 1), "letters"), (NewTopic("adm3", 1, 1, config={"cleanup.polcy": "compact"}), "Did you mean cleanup.policy")]:
        with pytest.raises(KafkaException, match=word):
            results(admin.create_topics([bad]))
    results(admin.create_partitions([NewPartitions("adm", 5)]))
    assert len(admin.list_topics("adm").topics["adm"].partitions) == 5
    resource = ConfigResource(ResourceType.TOPIC, "adm")
    configs = results(admin.describe_configs([resource]))[resource]
    assert configs["cleanup.policy"].value == "compact" and configs["retention.ms"].value == "604800000"
    results(admin.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, "adm", incremental_configs=[
        ConfigEntry("retention.ms", "1000", incremental_operation=AlterConfigOpType.SET)])]))
    assert results(admin.describe_configs([resource]))[resource]["retention.ms"].value == "1000"
    broker = ConfigResource(ResourceType.BROKER, "0")
    assert results(admin.describe_configs([broker]))[broker]["num.partitions"].value == "1"
    refused = []
    producer = Producer({"bootstrap.servers": log.bootstrap})
    producer.produce("adm", value=b"no key", on_delivery=lambda e, m: refused.append(e))
    producer.flush(10)
    assert refused[0].name() == "INVALID_RECORD"
    results(admin.delete_topics(["adm"]))
    assert "adm" not in admin.list_topics().topics


def test_admin_looks_at_groups_and_moves_the_start_of_a_log(log, admin):
    produce(log, "records", 200)
    consumer = Consumer({"bootstrap.servers": log.bootstrap, "group.id": "seen", "auto.offset.reset": "earliest"})
    consumer.subscribe(["records"])
    assert len(consume(consumer, 200)) == 200
    consumer.close()
    assert "seen" in [g.group_id for g in admin.list_consumer_groups().result().valid]
    assert admin.describe_consumer_groups(["seen"])["seen"].result().state.name == "EMPTY"
    offsets = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions("seen")])["seen"].result().topic_partitions
    assert [(o.topic, o.offset) for o in offsets] == [("records", 200)]
    results(admin.delete_records([TopicPartition("records", 0, 50)]))
    earliest = results(admin.list_offsets({TopicPartition("records", 0): OffsetSpec.earliest()}))
    assert [r.offset for r in earliest.values()] == [50]
    results(admin.delete_consumer_groups(["seen"]))
    assert "seen" not in [g.group_id for g in admin.list_consumer_groups().result().valid]


def test_too_large_a_batch_is_refused(log):
    refused = []
    producer = Producer({"bootstrap.servers": log.bootstrap, "message.max.bytes": 5000000})
    producer.produce("large", value=b"x" * 2000000, on_delivery=lambda e, m: refused.append(e))
    producer.flush(10)
    assert refused[0].name() == "MSG_SIZE_TOO_LARGE"
