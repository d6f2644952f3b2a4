import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useRouter } from '@tanstack/react-router';
import { useId, useMemo, useState } from 'react';
import { flowsQuery, tablesQuery, topicsQuery } from '../api/queries';
import { fuzzyScore } from '../lib/fuzzy';
import { newestRowsSql } from '../lib/names';
import { setPrefs, usePrefs } from '../lib/prefs';
import { Dialog } from './Dialog';
import { Icon } from './icons';
import type { IconName } from './icons';
import css from './Palette.module.css';

interface Entry {
  id: string;
  kind: string;
  label: string;
  icon: IconName;
  keys?: string;
  run: () => void;
}

const RECENT_KEY = 'dmv.recent';
function loadRecent(): string[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(RECENT_KEY) ?? '[]');
    return Array.isArray(stored) ? stored.filter((s): s is string => typeof s === 'string').slice(0, 8) : [];
  } catch {
    return [];
  }
}
function remember(id: string) {
  try {
    localStorage.setItem(RECENT_KEY, JSON.stringify([id, ...loadRecent().filter((r) => r !== id)].slice(0, 8)));
  } catch {
    /* no storage, no memory */
  }
}

export default function Palette({ onClose, onShortcuts }: { onClose: () => void; onShortcuts: () => void }) {
  const router = useRouter();
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const listId = useId();
  const prefs = usePrefs();
  const [recent] = useState(loadRecent);
  const topics = useInfiniteQuery({ ...topicsQuery(text.trim(), 'name', false), refetchInterval: false }).data;
  const flows = useQuery({ ...flowsQuery(), refetchInterval: false }).data;
  const tables = useQuery({ ...tablesQuery, refetchInterval: false }).data;

  const entries = useMemo(() => {
    const go = (href: string) => () => void router.navigate({ href });
    const all: Entry[] = [
      { id: 'p:home', kind: 'Page', label: 'Home', icon: 'home', keys: 'g h', run: go('/') },
      { id: 'p:topics', kind: 'Page', label: 'Topics', icon: 'topics', keys: 'g t', run: go('/topics') },
      { id: 'p:flows', kind: 'Page', label: 'Flows', icon: 'flows', keys: 'g f', run: go('/flows') },
      { id: 'p:tables', kind: 'Page', label: 'Tables', icon: 'tables', keys: 'g b', run: go('/tables') },
      { id: 'p:sql', kind: 'Page', label: 'SQL', icon: 'sql', keys: 'g s', run: go('/sql') },
      { id: 'a:new', kind: 'Action', label: 'New flow: land a topic in a warehouse table', icon: 'flows', keys: 'g n', run: go('/flows/new') },
      {
        id: 'a:zone',
        kind: 'Action',
        label: prefs.zone === 'utc' ? 'Show times in local time' : 'Show times in UTC',
        icon: 'clock',
        run: () => setPrefs({ zone: prefs.zone === 'utc' ? 'local' : 'utc' }),
      },
      { id: 'a:dark', kind: 'Action', label: 'Dark theme', icon: 'moon', run: () => setPrefs({ theme: 'dark' }) },
      { id: 'a:light', kind: 'Action', label: 'Light theme', icon: 'sun', run: () => setPrefs({ theme: 'light' }) },
      { id: 'a:keys', kind: 'Action', label: 'Keyboard shortcuts', icon: 'question', keys: '?', run: onShortcuts },
    ];
    for (const page of topics?.pages ?? [])
      for (const t of page.items)
        all.push({ id: `t:${t.name}`, kind: 'Topic', label: t.name, icon: 'topics', run: go(`/topics/${encodeURIComponent(t.name)}`) });
    for (const f of flows?.items ?? [])
      all.push({ id: `f:${f.name}`, kind: 'Flow', label: f.name, icon: 'flows', run: go(`/flows/${encodeURIComponent(f.name)}`) });
    for (const t of tables?.items ?? [])
      all.push({ id: `b:${t.name}`, kind: 'Table', label: t.name, icon: 'tables', run: go(`/sql?q=${encodeURIComponent(newestRowsSql(t.name))}`) });

    return all
      .map((entry) => {
        const score = fuzzyScore(text, entry.label) ?? fuzzyScore(text, `${entry.kind} ${entry.label}`);
        const rank = recent.indexOf(entry.id);
        return { entry, score: score === null ? null : score + (rank < 0 ? 0 : (8 - rank) / 4) };
      })
      .filter((s): s is { entry: Entry; score: number } => s.score !== null)
      .sort((a, b) => b.score - a.score || (text ? a.entry.label.length - b.entry.label.length : 0))
      .slice(0, 40)
      .map((s) => s.entry);
  }, [text, topics, flows, tables, prefs.zone, recent, router, onShortcuts]);

  const current = Math.min(at, entries.length - 1);
  const choose = (entry: Entry | undefined) => {
    if (!entry) return;
    remember(entry.id);
    onClose();
    entry.run();
  };
  return (
    <Dialog label="Find or do anything" onClose={onClose}>
      <div className={css.box}>
        <Icon name="search" />
        <input
          // oxlint-disable-next-line jsx-a11y/no-autofocus -- a palette that opens is typed into at once
          autoFocus
          role="combobox"
          aria-label="Find a topic, flow, table or action"
          aria-expanded="true"
          aria-controls={listId}
          aria-activedescendant={entries[current] ? `${listId}-${current}` : undefined}
          placeholder="Topic, flow, table or action"
          spellCheck={false}
          autoComplete="off"
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setAt(0);
          }}
          onKeyDown={(event) => {
            const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
            if (step !== 0) {
              event.preventDefault();
              const next = (current + step + entries.length) % Math.max(entries.length, 1);
              setAt(next);
              document.getElementById(`${listId}-${next}`)?.scrollIntoView({ block: 'nearest' });
            } else if (event.key === 'Enter') {
              event.preventDefault();
              choose(entries[current]);
            }
          }}
        />
        <kbd>Esc</kbd>
      </div>
      <ul className={css.list} id={listId} role="listbox" aria-label="Matches">
        {entries.map((entry, index) => (
          /* oxlint-disable-next-line jsx-a11y/click-events-have-key-events -- keys are handled by the input that owns the list */
          <li key={entry.id} id={`${listId}-${index}`} role="option" aria-selected={index === current} onClick={() => choose(entry)} onMouseMove={() => setAt(index)}>
            <Icon name={entry.icon} />
            <span className={css.label}>{entry.label}</span>
            {entry.keys && <kbd aria-hidden="true">{entry.keys}</kbd>}
            <span className={css.kind}>{entry.kind}</span>
          </li>
        ))}
      </ul>
      {entries.length === 0 && <p className={css.none}>Nothing is named like “{text}”.</p>}
    </Dialog>
  );
}
