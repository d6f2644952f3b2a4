"""The log alone: `highway serve log` on a port and directory of its own."""
import os
import pathlib
import random
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
HIGHWAY = pathlib.Path(os.environ.get("HIGHWAY_BIN", ROOT / "build/release/highway"))


def free_port():
    while True:
        port = random.randrange(21200, 21300)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                time.sleep(0.05)


class Log:
    def __init__(self, data, *settings, port=None):
        self.data = pathlib.Path(data)
        self.port = port or free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.settings = [f"common.data.dir={self.data}", f"log.listen.port={self.port}", "log.group.initial.rebalance.delay.ms=0", *settings]
        self.output = self.data.parent / f"log-{self.port}.out"
        self.process = None

    def command(self):
        sets = [word for setting in self.settings for word in ("--set", setting)]
        return [str(HIGHWAY), "serve", "log", *sets]

    def start(self):
        with open(self.output, "ab") as out:
            self.process = subprocess.Popen(self.command(), stdout=out, stderr=out)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.said()
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.01)
        raise AssertionError(f"the log does not listen: {self.said()}")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(20) == 0, self.said()

    def said(self):
        return self.output.read_text(errors="replace")

    def partition_dir(self, topic, partition=0):
        return self.data / "log" / f"{topic}-{partition}"
