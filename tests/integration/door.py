"""The HTTP door alone: `highway serve ingest` beside a log of its own or a real Kafka."""
import os
import pathlib
import signal
import subprocess

import requests
from confluent_kafka import Consumer, TopicPartition
from conftest import HIGHWAY, free_port, port_is_free, wait_until


class Process:
    def __init__(self, directory, *args):
        self.output = pathlib.Path(directory) / f"{args[1]}.log"
        self.args = [str(HIGHWAY), *args, "--set", f"common.data.dir={directory}/data"]
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.args, stdout=open(self.output, "ab"), stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        return self

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"{self.args[1:3]} did not stop within 20 s:\n{self.text()}")
        return self.process.returncode if self.process else None

    def text(self):
        return self.output.read_text(errors="replace")[-3000:]


class Log(Process):
    """The embedded log."""

    def __init__(self, directory):
        self.port = free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        super().__init__(directory, "serve", "log", "--set", f"log.listen.port={self.port}")

    def start(self):
        super().start()
        wait_until("the log accepts", lambda: not port_is_free(self.port), 20)
        return self


class Door(Process):
    def __init__(self, directory, bootstrap, **settings):
        self.bootstrap, self.port = bootstrap, free_port()
        sets = [f"kafka.bootstrap.servers={bootstrap}", f"ingest.listen.port={self.port}"]
        sets += [f"ingest.{name.replace('_', '.')}={value}" for name, value in settings.items()]
        super().__init__(directory, "serve", "ingest", *[word for one in sets for word in ("--set", one)])
        self.session = requests.Session()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def start(self, healthy=True):
        super().start()
        wait_until("the door answers", lambda: self.health() is not None, 20)
        if healthy:
            wait_until("the door is healthy", lambda: self.health().status_code == 200, 40)
        return self

    def health(self):
        assert self.process.poll() is None, f"the door ended:\n{self.text()}"
        return requests.get(self.url("/health"), timeout=5)

    def post(self, path, body, content_type="application/json", **more):
        headers = {"Content-Type": content_type, **more.pop("headers", {})} if content_type else more.pop("headers", {})
        return self.session.post(self.url(path), data=body, headers=headers, timeout=60, **more)

    def metrics(self):
        lines = requests.get(self.url("/metrics"), timeout=5).text.splitlines()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line and line[0] != "#")}

    def records(self, topic):
        """Every record of a topic, read by confluent-kafka."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": f"test-{os.getpid()}", "enable.auto.commit": False,
                             "enable.partition.eof": False})
        try:
            partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
            ends = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10) for p in partitions}
            left = sum(high - low for low, high in ends.values())
            consumer.assign([TopicPartition(topic, p, low) for p, (low, _) in ends.items()])
            found = []
            while len(found) < left:
                message = consumer.poll(10)
                assert message is not None, f"{len(found)} of {left} records came"
                assert not message.error(), message.error()
                found.append(message)
            return found
        finally:
            consumer.close()
