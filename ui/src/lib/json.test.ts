import { describe, expect, test } from 'vitest';
import { jsonText, JsonSyntaxError, member, parseJson, plainText, prettyJson, tryParseJson } from './json';

describe('numbers keep their text', () => {
  test.each(['9223372036854775807', '-9223372036854775808', '18446744073709551615', '1e400', '-0', '0.1', '1.0', '1E-7', '123456789012345678901234567890', '0.30000000000000004'])('%s', (raw) => {
    const node = parseJson(`{"n": ${raw}}`);
    expect(member(node, 'n')).toEqual({ kind: 'number', raw });
    expect(jsonText(node)).toBe(`{"n":${raw}}`);
    expect(prettyJson(node)).toContain(raw);
  });
});

describe('texts are byte-true', () => {
  test.each(['"a"', '"\\u0041"', '"\\ud800"', '"\\u0000"', '"<script>alert(1)</script>"', '"\\"\\\\\\/"', '"é \u202e rtl"'])('%s', (raw) => {
    expect(jsonText(parseJson(`[${raw}]`))).toBe(`[${raw}]`);
  });
  test('strings show without quotes in a cell', () => {
    expect(plainText(parseJson('"a\\nb"'))).toBe('a\nb');
    expect(plainText(parseJson('{"a":[1.0,null]}'))).toBe('{"a":[1.0,null]}');
  });
  test('duplicate keys stay, the last one counts', () => {
    const node = parseJson('{"a":1,"a":2}');
    expect(jsonText(node)).toBe('{"a":1,"a":2}');
    expect(member(node, 'a')).toEqual({ kind: 'number', raw: '2' });
  });
  test('a key named __proto__ is a key', () => {
    expect(member(parseJson('{"__proto__":true}'), '__proto__')).toEqual({ kind: 'boolean', raw: 'true' });
    expect(member(parseJson('{}'), 'toString')).toBeNull();
  });
});

describe('agrees with JSON.parse on what is JSON', () => {
  test.each(['{}', '[]', ' [ 1 , { "a" : null } ] ', 'true', '"x"', '-1.5e+3', '[[[]]]', '{"a":{"b":[true,false,null]}}'])('accepts %s', (text) => {
    expect(JSON.parse(jsonText(parseJson(text)))).toEqual(JSON.parse(text));
    expect(JSON.parse(prettyJson(parseJson(text)))).toEqual(JSON.parse(text));
  });
  test.each(['', '{', '[1,]', '{"a":1,}', '{a:1}', "{'a':1}", '01', '+1', '.5', '1.', 'nul', 'NaN', 'Infinity', '"\n"', '"\\x"', '[1] 2', '{"a" 1}', '\u00a01'])(
    'refuses %j',
    (text) => {
      expect(() => JSON.parse(text)).toThrow();
      expect(() => parseJson(text)).toThrow(JsonSyntaxError);
      expect(tryParseJson(text)).toBeNull();
    },
  );
});

test('depth is bounded, length is not a problem', () => {
  expect(tryParseJson('['.repeat(5000) + ']'.repeat(5000))).toBeNull();
  expect(tryParseJson('['.repeat(100) + ']'.repeat(100))).not.toBeNull();
  const long = `[${Array.from({ length: 50_000 }, (_, i) => i).join(',')}]`;
  expect(jsonText(parseJson(long))).toBe(long);
  const text = `"${'x'.repeat(2_000_000)}"`;
  expect(parseJson(text)).toMatchObject({ kind: 'string' });
});
