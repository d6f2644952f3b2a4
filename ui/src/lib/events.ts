/* Events of a topic as a table: the envelope's few fields, then the payload's own. */
import type { SampleEvent } from '../api/client';
import type { Cell } from './csv';
import { member, plainText, tryParseJson } from './json';

const MAX_COLUMNS = 12;

export function eventKey(event: SampleEvent): string {
  return `${event.partition}:${event.offset}`;
}

export function flattenEvents(events: SampleEvent[]): { columns: { name: string; type?: string }[]; rows: Cell[][] } {
  const parsed = events.map((event) => {
    const node = event.value !== null && event.encoding === 'utf8' ? tryParseJson(event.value) : null;
    return { event, node, payload: member(node, 'payload') };
  });
  const names = new Map<string, number>();
  for (const { payload } of parsed)
    if (payload?.kind === 'object') for (const e of payload.entries) names.set(e.key, (names.get(e.key) ?? 0) + 1);
  const fields = [...names.keys()].slice(0, MAX_COLUMNS);
  const kinds = fields.map((field) => {
    const seen = new Set(parsed.map((p) => member(p.payload, field)?.kind).filter((k) => k && k !== 'null'));
    return seen.size === 1 ? [...seen][0]! : seen.size === 0 ? 'null' : 'mixed';
  });
  const enveloped = parsed.some((p) => p.payload !== null);
  const plain = parsed.some((p) => p.payload?.kind !== 'object');
  const columns = [
    { name: 'received', type: 'TIMESTAMP WITH TIME ZONE' },
    ...(enveloped ? [{ name: 'event_name', type: 'string' }] : []),
    ...fields.map((name, i) => ({ name, type: kinds[i] })),
    ...(plain ? [{ name: enveloped ? 'other values' : 'value', type: 'text' }] : []),
  ];
  const rows = parsed.map(({ event, node, payload }) => {
    const name = member(node, 'event_name');
    return [
      event.timestamp,
      ...(enveloped ? [name ? plainText(name) : null] : []),
      ...fields.map((field) => {
        const value = member(payload, field);
        return value === null ? '' : value.kind === 'null' ? null : plainText(value);
      }),
      ...(plain ? [payload?.kind === 'object' ? '' : (event.value ?? null)] : []),
    ];
  });
  return { columns, rows };
}
