import { describe, expect, test } from 'vitest';
import { groupDigits, humanAge, humanBytes, humanCount, humanDuration, humanRate, instant, plural, sqlTime } from './format';

test.each([
  ['0', '0'],
  ['999', '999'],
  ['1000', '1,000'],
  ['9223372036854775807', '9,223,372,036,854,775,807'],
  ['-1234567', '-1,234,567'],
  ['1234.5', '1,234.5'],
  ['none', 'none'],
])('groupDigits %s → %s', (from, to) => expect(groupDigits(from)).toBe(to));

test.each([
  ['0', '0'],
  ['9999', '9,999'],
  ['12345', '12.3k'],
  ['999999', '1.0M'],
  ['123456789', '123M'],
  ['9223372036854775807', '9223372T'],
])('humanCount %s → %s', (from, to) => expect(humanCount(from)).toBe(to));

test.each([
  [0, '0'],
  [0.04, '< 0.1'],
  [3.14, '3.1'],
  [59.6, '60'],
  [12_400, '12.4k'],
])('humanRate %d → %s', (from, to) => expect(humanRate(from)).toBe(to));

test.each([
  ['0', '0 B'],
  ['1023', '1023 B'],
  ['1536', '1.5 KB'],
  ['1073741824', '1.0 GB'],
])('humanBytes %s → %s', (from, to) => expect(humanBytes(from)).toBe(to));

test.each([
  [-5, '0 ms'],
  [850, '850 ms'],
  [4200, '4.2 s'],
  [59_990, '1 min'],
  [200_000, '3 min 20 s'],
  [7_500_000, '2 h 5 min'],
  [273_600_000, '3 d 4 h'],
])('humanDuration %d → %s', (from, to) => expect(humanDuration(from)).toBe(to));

test.each([
  [0, 'just now'],
  [-5000, 'just now'],
  [42_000, '42 s ago'],
  [200_000, '3 min ago'],
  [3 * 86_400_000, '3 d ago'],
])('humanAge of %d ms', (age, to) => expect(humanAge(1e12, 1e12 + age)).toBe(to));

test('plural', () => {
  expect(plural('1', 'event')).toBe('1 event');
  expect(plural('1500', 'event')).toBe('1,500 events');
  expect(plural(0, 'row')).toBe('0 rows');
});

describe('times', () => {
  test('instant in UTC is ISO order with zone', () => {
    expect(instant(new Date('2026-11-23T14:02:11.123Z'), 'utc')).toBe('2026-11-23 14:02:11.123 UTC');
    expect(instant(new Date('nonsense'), 'utc')).toBe('unknown time');
  });
  test('instant in local time names its offset', () => {
    expect(instant(new Date('2026-11-23T14:02:11.123Z'), 'local')).toMatch(/^2026-11-2\d \d\d:\d\d:11\.123 UTC[+-]\d\d:\d\d$/);
  });
  test.each([
    ['2026-11-23T14:02:11.123456Z', '2026-11-23 14:02:11.123456'],
    ['2026-11-23T14:02:11.100000Z', '2026-11-23 14:02:11.1'],
    ['2026-11-23 14:02:11+00', '2026-11-23 14:02:11'],
    ['not a time', 'not a time'],
  ])('sqlTime keeps the digits of %s', (from, to) => expect(sqlTime(from, 'utc')).toBe(to));
});
