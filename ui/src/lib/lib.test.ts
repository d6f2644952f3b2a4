import { expect, test } from 'vitest';
import type { SampleEvent } from '../api/client';
import { toCsv, toTsv } from './csv';
import { flattenEvents } from './events';
import { fuzzyScore } from './fuzzy';
import { flowName, newestRowsSql, sqlTable, tableName } from './names';

test('CSV keeps 64-bit numbers, quotes what must be quoted, tells null from empty', () => {
  const csv = toCsv([{ name: 'id' }, { name: 'a,b' }], [['9223372036854775807', 'say "hi"\n'], [null, '']]);
  expect(csv).toBe('id,"a,b"\r\n9223372036854775807,"say ""hi""\n"\r\n,""\r\n');
});

test('TSV stays on one line per row', () => {
  expect(toTsv([{ name: 'a' }, { name: 'b' }], [['x\ty\nz', null]])).toBe('a\tb\nx y z\t');
});

test.each([
  ['web.clicks', 'web.clicks', 'events.web_clicks'],
  ['Web Clicks!', 'web-clicks', 'events.web_clicks'],
  ['2fast', '2fast', 'events.t_2fast'],
  ['__x__', 'x', 'events.x'],
  ['', '', ''],
])('names proposed for topic %j', (topic, flow, table) => {
  expect(flowName(topic)).toBe(flow);
  expect(tableName(topic)).toBe(table);
});

test('table names are quoted in SQL only where they must be', () => {
  expect(sqlTable('events.web_clicks')).toBe('events.web_clicks');
  expect(sqlTable('events.web-clicks')).toBe('events."web-clicks"');
  expect(sqlTable('events.a"b')).toBe('events."a""b"');
  expect(newestRowsSql('events.x')).toContain('from events.x\n');
});

test('fuzzy finds subsequences and prefers word starts', () => {
  expect(fuzzyScore('xyz', 'web.clicks')).toBeNull();
  expect(fuzzyScore('', 'anything')).toBe(0);
  expect(fuzzyScore('cli', 'web.clicks')!).toBeGreaterThan(fuzzyScore('cli', 'cold.lines')!);
});

const event = (value: string | null, offset = '0', encoding: 'utf8' | 'base64' = 'utf8'): SampleEvent => ({
  partition: 0,
  offset,
  timestamp: '2026-11-23T14:02:11.123Z',
  key: null,
  value,
  encoding,
  headers: [],
});

test('events become a table of the payload fields, numbers exact', () => {
  const { columns, rows } = flattenEvents([
    event('{"metadata":{"id":"a"},"payload":{"n":9223372036854775807,"s":"x"},"event_name":"e"}'),
    event('{"metadata":{"id":"b"},"payload":{"n":1,"deep":{"k":[1.0]},"s":null},"event_name":"e"}'),
  ]);
  expect(columns.map((c) => c.name)).toEqual(['received', 'event_name', 'n', 's', 'deep']);
  expect(columns[2]!.type).toBe('number');
  expect(rows[0]!.slice(1)).toEqual(['e', '9223372036854775807', 'x', '']);
  expect(rows[1]!.slice(1)).toEqual(['e', '1', null, '{"k":[1.0]}']);
});

test('values that are no envelope, no JSON or no text still show', () => {
  const { columns, rows } = flattenEvents([event('plain text'), event(null), event('AAEC', '1', 'base64'), event('[1,2]')]);
  expect(columns.map((c) => c.name)).toEqual(['received', 'value']);
  expect(rows.map((r) => r[1])).toEqual(['plain text', null, 'AAEC', '[1,2]']);
});
