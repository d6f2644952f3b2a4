/* Commands and snippets, with the real addresses of this installation. */
import type { FlowSpec, Info } from '../api/client';

const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

export function sendEvent(info: Info | undefined, topic: string): string {
  const ingest = info?.urls.ingest ?? 'http://127.0.0.1:8084';
  return `curl ${ingest}/v1/events/${topic} \\
  -H 'Content-Type: application/json' \\
  -d '{"payload": {"page": "/pricing", "user_id": 42}}'`;
}

export function putFlow(info: Info | undefined, name: string, spec: FlowSpec): string {
  const admin = info?.urls.admin ?? location.origin;
  return `curl -X PUT ${admin}/v1/flows/${name} \\
  -H 'Content-Type: application/json' \\
  -d ${quote(JSON.stringify(spec, null, 2))}`;
}

export function readTopic(info: Info | undefined, topic: string): { name: string; text: string }[] {
  const admin = info?.urls.admin ?? location.origin;
  const ingest = info?.urls.ingest ?? 'http://127.0.0.1:8084';
  return [
    {
      name: 'curl',
      text: `# the ten newest events
curl '${admin}/v1/topics/${encodeURIComponent(topic)}/sample?limit=10'

# send one
${sendEvent(info, topic)}`,
    },
    {
      name: 'Python',
      text: `# pip install requests confluent-kafka
import json, requests
from confluent_kafka import Consumer

requests.post("${ingest}/v1/events/${topic}", json={"payload": {"page": "/pricing"}}).raise_for_status()

consumer = Consumer({
    "bootstrap.servers": "${info?.bootstrap_servers ?? '127.0.0.1:9092'}",
    "group.id": "my-group",
    "auto.offset.reset": "earliest",
})
consumer.subscribe(["${topic}"])
while True:
    message = consumer.poll(1.0)
    if message is not None and message.error() is None:
        event = json.loads(message.value())
        print(event["metadata"]["id"], event["payload"])`,
    },
    {
      name: 'CLI',
      text: `highway topic show ${topic}
highway topic sample ${topic}`,
    },
  ];
}
