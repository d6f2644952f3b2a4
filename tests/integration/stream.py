"""A steady stream of events with known ids, and the record of what was acknowledged."""
import json
import threading
import time
import uuid

import requests


class Stream:
    """rate events/s as NDJSON batches from a few threads. An id is acked only when its result says ok; nothing is sent twice."""

    def __init__(self, url, rate=2000, batch=50, threads=4):
        self.url, self.rate, self.batch = url, rate, batch
        self.acked, self.unknown, self.answers = [], [], {}
        self.longest_gap, self._last_ok = 0.0, time.monotonic()
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(threads,), daemon=True) for _ in range(threads)]

    def start(self):
        self._last_ok = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        return self

    def _run(self, threads):
        session = requests.Session()
        pause = self.batch * threads / self.rate
        due = time.monotonic()
        while not self._stop.is_set():
            ids = [str(uuid.uuid4()) for _ in range(self.batch)]
            body = "\n".join(json.dumps({"metadata": {"id": i}, "payload": {"at": time.time()}}) for i in ids)
            try:
                answer = session.post(self.url, data=body, params={"report": "all"}, timeout=45,
                                      headers={"Content-Type": "application/x-ndjson"})
                status = answer.status_code
                ok = [r["id"] for r in answer.json()["results"] if r["status"] == "ok"] if status in (200, 207) else []
            except (requests.RequestException, ValueError):
                status, ok = 0, []
            with self._lock:
                self.answers[status] = self.answers.get(status, 0) + 1
                self.acked += ok
                if len(ok) < len(ids):
                    self.unknown += set(ids) - set(ok)
                if ok:
                    now = time.monotonic()
                    self.longest_gap = max(self.longest_gap, now - self._last_ok)
                    self._last_ok = now
            due += pause
            wait = due - time.monotonic()
            if wait > 0:
                self._stop.wait(wait)
            else:
                due = time.monotonic()  # never try to catch up in a burst


def check_exactly_once(stream, ids):
    """Every acknowledged id is in ids once; an id without an answer may be there once, never twice."""
    seen = {}
    for i in ids:
        seen[i] = seen.get(i, 0) + 1
    lost = [i for i in stream.acked if i not in seen]
    doubled = [i for i, n in seen.items() if n > 1]
    foreign = set(seen) - set(stream.acked) - set(stream.unknown)
    assert not lost, f"{len(lost)} of {len(stream.acked)} acknowledged events are not in the table, e.g. {lost[:3]}"
    assert not doubled, f"{len(doubled)} events are in the table more than once, e.g. {doubled[:3]}"
    assert not foreign, f"{len(foreign)} ids nobody sent, e.g. {list(foreign)[:3]}"
