import { useMemo, useState } from 'react';
import { jsonText, JsonSyntaxError, parseJson, plainText, prettyJson } from '../lib/json';
import type { JsonNode } from '../lib/json';
import css from './RecordViewer.module.css';
import { CopyButton, Segmented } from './ui';

const PAGE = 100;

function Scalar({ node }: { node: JsonNode }) {
  if (node.kind === 'object' || node.kind === 'array') return null;
  return (
    <span className={css.value} data-kind={node.kind}>
      {node.raw}
    </span>
  );
}

function Branch({ name, path, node, depth }: { name: string | null; path: string; node: JsonNode; depth: number }) {
  const [open, setOpen] = useState(depth < 2);
  const [shown, setShown] = useState(PAGE);
  const children =
    node.kind === 'object'
      ? node.entries.map((e) => ({ name: e.key, path: /^[A-Za-z_]\w*$/.test(e.key) ? `${path}.${e.key}` : `${path}[${e.rawKey}]`, node: e.value }))
      : node.kind === 'array'
        ? node.items.map((item, i) => ({ name: String(i), path: `${path}[${i}]`, node: item }))
        : null;
  const label = name !== null && <span className={css.key}>{name}</span>;
  const copies = (
    <span className={css.copies}>
      <CopyButton text={() => plainText(node)} label={`Copy the value of ${path}`} />
      <CopyButton text={path} label={`Copy the path ${path}`} words="path" />
    </span>
  );
  if (!children)
    return (
      <li className={css.leaf}>
        {label}
        <Scalar node={node} />
        {copies}
      </li>
    );
  const brackets = node.kind === 'object' ? ['{', '}'] : ['[', ']'];
  return (
    <li>
      <div className={css.leaf}>
        <button type="button" className={css.toggle} aria-expanded={open} onClick={() => setOpen(!open)} aria-label={`${name ?? 'event'}, ${children.length} inside`}>
          {open ? '▾' : '▸'}
        </button>
        {label}
        <span className={css.count}>
          {brackets[0]}
          {open ? '' : '…'}
          {brackets[1]} {children.length}
        </span>
        {copies}
      </div>
      {open && (
        <ul className={css.children}>
          {children.slice(0, shown).map((child, i) => (
            <Branch key={`${child.name}${i}`} name={child.name} path={child.path} node={child.node} depth={depth + 1} />
          ))}
          {children.length > shown && (
            <li>
              <button type="button" className={css.more} onClick={() => setShown(shown + 10 * PAGE)}>
                {children.length - shown} more
              </button>
            </li>
          )}
        </ul>
      )}
    </li>
  );
}

function read(text: string): { node: JsonNode | null; why: string | null } {
  try {
    return { node: parseJson(text), why: null };
  } catch (error) {
    return { node: null, why: error instanceof JsonSyntaxError ? error.message : 'it cannot be read as JSON' };
  }
}

/* A value as tree, pretty text or the raw bytes' text. Numbers are never parsed, so they show as they were sent. */
export function RecordViewer({ text }: { text: string }) {
  const { node, why } = useMemo(() => read(text), [text]);
  const [view, setView] = useState<'tree' | 'pretty' | 'raw'>('tree');
  const shown = node ? view : 'raw';
  const body = shown === 'pretty' && node ? prettyJson(node) : text;
  return (
    <div className={css.viewer}>
      <div className={css.tools}>
        <Segmented
          label="View"
          value={shown}
          options={
            node
              ? [
                  { value: 'tree', label: 'Tree' },
                  { value: 'pretty', label: 'Pretty' },
                  { value: 'raw', label: 'Raw' },
                ]
              : [{ value: 'raw', label: 'Raw' }]
          }
          onChange={setView}
        />
        <CopyButton text={() => (shown === 'pretty' && node ? prettyJson(node) : shown === 'tree' && node ? jsonText(node) : text)} label="Copy the value" words="Copy" />
      </div>
      {why && <p className={css.why}>Shown as it came, not as a tree: {why}.</p>}
      {shown === 'tree' && node ? (
        <ul className={css.tree}>
          <Branch name={null} path="$" node={node} depth={0} />
        </ul>
      ) : (
        /* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls */
        <pre className={css.text} tabIndex={0} role="group" aria-label="Value">
          {body.length > 300_000 ? `${body.slice(0, 300_000)}\n… ${body.length - 300_000} more characters: copy to see them` : body}
        </pre>
      )}
    </div>
  );
}
