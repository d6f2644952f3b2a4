/* A JSON reader that never loses anything: numbers keep their text (2^63-1, 1e400, -0 stay as written), strings keep their literal,
 * duplicate keys stay. The browser's JSON.parse rounds numbers, so event values must never pass through it. */

export type JsonNode =
  | { kind: 'object'; entries: { key: string; rawKey: string; value: JsonNode }[] }
  | { kind: 'array'; items: JsonNode[] }
  | { kind: 'string'; raw: string; value: string }
  | { kind: 'number'; raw: string }
  | { kind: 'boolean'; raw: 'true' | 'false' }
  | { kind: 'null'; raw: 'null' };

export class JsonSyntaxError extends Error {
  readonly at: number;
  constructor(text: string, at: number) {
    super(`${text} at character ${at + 1}`);
    this.at = at;
  }
}

/* Deeper nesting than this is shown as raw text: the tree view is recursive. */
const MAX_DEPTH = 200;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SPACE = /[ \t\n\r]*/y;

export function parseJson(text: string): JsonNode {
  let at = 0;

  const match = (pattern: RegExp): string | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (!found) return null;
    at += found[0].length;
    return found[0];
  };
  const space = () => void match(SPACE);
  const expect = (mark: string) => {
    space();
    if (text[at] !== mark) throw new JsonSyntaxError(`expected "${mark}"`, at);
    at++;
  };
  const string = () => {
    const raw = match(STRING);
    if (raw === null) throw new JsonSyntaxError('bad string', at);
    /* JSON.parse of one string literal is exact: only numbers are not. */
    return { kind: 'string' as const, raw, value: JSON.parse(raw) as string };
  };

  const value = (depth: number): JsonNode => {
    if (depth > MAX_DEPTH) throw new JsonSyntaxError(`nested deeper than ${MAX_DEPTH}`, at);
    space();
    switch (text[at]) {
      case '{': {
        at++;
        const entries: { key: string; rawKey: string; value: JsonNode }[] = [];
        space();
        if (text[at] === '}') {
          at++;
          return { kind: 'object', entries };
        }
        for (;;) {
          space();
          const key = string();
          expect(':');
          entries.push({ key: key.value, rawKey: key.raw, value: value(depth + 1) });
          space();
          if (text[at] === ',') at++;
          else break;
        }
        expect('}');
        return { kind: 'object', entries };
      }
      case '[': {
        at++;
        const items: JsonNode[] = [];
        space();
        if (text[at] === ']') {
          at++;
          return { kind: 'array', items };
        }
        for (;;) {
          items.push(value(depth + 1));
          space();
          if (text[at] === ',') at++;
          else break;
        }
        expect(']');
        return { kind: 'array', items };
      }
      case '"':
        return string();
      case undefined:
        throw new JsonSyntaxError('unexpected end', at);
      default: {
        for (const word of ['true', 'false', 'null'] as const)
          if (text.startsWith(word, at)) {
            at += word.length;
            return word === 'null' ? { kind: 'null', raw: word } : { kind: 'boolean', raw: word };
          }
        const raw = match(NUMBER);
        if (raw === null) throw new JsonSyntaxError('unexpected character', at);
        return { kind: 'number', raw };
      }
    }
  };

  const root = value(0);
  space();
  if (at < text.length) throw new JsonSyntaxError('text after the value', at);
  return root;
}

/* Null when the text is no JSON (then it is shown as text). */
export function tryParseJson(text: string): JsonNode | null {
  try {
    return parseJson(text);
  } catch {
    return null;
  }
}

/* The node as compact JSON text, literals as they were written. */
export function jsonText(node: JsonNode): string {
  switch (node.kind) {
    case 'object':
      return `{${node.entries.map((e) => `${e.rawKey}:${jsonText(e.value)}`).join(',')}}`;
    case 'array':
      return `[${node.items.map(jsonText).join(',')}]`;
    default:
      return node.raw;
  }
}

export function prettyJson(node: JsonNode, indent = ''): string {
  const inner = `${indent}  `;
  if (node.kind === 'object')
    return node.entries.length === 0
      ? '{}'
      : `{\n${node.entries.map((e) => `${inner}${e.rawKey}: ${prettyJson(e.value, inner)}`).join(',\n')}\n${indent}}`;
  if (node.kind === 'array')
    return node.items.length === 0 ? '[]' : `[\n${node.items.map((i) => inner + prettyJson(i, inner)).join(',\n')}\n${indent}]`;
  return node.raw;
}

/* What a table cell shows: strings without quotes, the rest as JSON text. */
export function plainText(node: JsonNode): string {
  return node.kind === 'string' ? node.value : jsonText(node);
}

export function member(node: JsonNode | null | undefined, key: string): JsonNode | null {
  if (node?.kind !== 'object') return null;
  /* The last of duplicate keys wins, as in every reader downstream. */
  return node.entries.findLast((e) => e.key === key)?.value ?? null;
}
