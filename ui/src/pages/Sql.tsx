import { useQueries, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from 'react';
import { problemOf } from '../api/client';
import type { SqlAnswer } from '../api/client';
import { sqlQuery, tableQuery, tablesQuery } from '../api/queries';
import { DataGrid } from '../components/DataGrid';
import { RecordViewer } from '../components/RecordViewer';
import type { Schema } from '../components/SqlEditor';
import { Button, CopyButton, Notice, Skeleton } from '../components/ui';
import { toCsv, toTsv } from '../lib/csv';
import { groupDigits, humanDuration, plural, sqlTime } from '../lib/format';
import { commandKey, useKeys } from '../lib/keys';
import { newestRowsSql } from '../lib/names';
import { usePrefs } from '../lib/prefs';
import pageCss from '../components/page.module.css';
import css from './Sql.module.css';

const SqlEditor = lazy(() => import('../components/SqlEditor'));
const route = getRouteApi('/sql');

function download(name: string, text: string) {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

function Columns({ table }: { table: string }) {
  const query = useQuery(tableQuery(table));
  if (query.isPending) return <Skeleton width={160} height={60} />;
  if (!query.data) return <p className={pageCss.note}>The columns could not be read.</p>;
  return (
    <ul className={css.cols}>
      {query.data.columns.map((c) => (
        <li key={c.name}>
          <span>{c.name}</span>
          <code title={c.type}>{c.type.toLowerCase().replace('timestamp with time zone', 'timestamptz')}</code>
        </li>
      ))}
    </ul>
  );
}

function TableList({ onPick }: { onPick: (table: string) => void }) {
  const query = useQuery(tablesQuery);
  const [open, setOpen] = useState<string | null>(null);
  const items = query.data?.items ?? [];
  return (
    <nav className={css.side} aria-label="Tables">
      <h2>Tables</h2>
      {query.data && items.length === 0 && (
        <p className={pageCss.note}>
          None yet. <Link to="/flows/new">Land a topic</Link> to get one.
        </p>
      )}
      {query.isError && !query.data && <p className={pageCss.note}>{problemOf(query.error).detail}</p>}
      <ul>
        {items.map((t) => (
          <li key={t.name}>
            <div>
              <button type="button" className={css.toggle} aria-expanded={open === t.name} aria-label={`Columns of ${t.name}`} onClick={() => setOpen(open === t.name ? null : t.name)}>
                {open === t.name ? '▾' : '▸'}
              </button>
              <button type="button" className={css.table} title={`Newest rows of ${t.name}`} onClick={() => onPick(t.name)}>
                {t.name}
              </button>
            </div>
            {open === t.name && <Columns table={t.name} />}
          </li>
        ))}
      </ul>
    </nav>
  );
}

function Result({ answer, busy }: { answer: SqlAnswer; busy: boolean }) {
  const [open, setOpen] = useState<number | null>(null);
  const { zone } = usePrefs();
  useKeys({ Escape: () => setOpen(null) });
  const row = open === null ? undefined : answer.rows[open];
  return (
    <div className={css.split} data-open={row !== undefined}>
      <section className={css.result} aria-busy={busy} aria-label="Answer">
        <div className={css.resultHead}>
          <span className={pageCss.note} role="status">
            {plural(answer.rows.length, 'row')}
            {answer.truncated && ' (more were left out: add a limit or narrow it down)'} in {humanDuration(answer.elapsed_ms)}
          </span>
          <div className={pageCss.actions}>
            <CopyButton text={() => toTsv(answer.columns, answer.rows)} label="Copy the rows, tab-separated" words="Copy" />
            <Button look="quiet" size="small" icon="download" onClick={() => download('rows.csv', toCsv(answer.columns, answer.rows))}>
              CSV
            </Button>
          </div>
        </div>
        {answer.rows.length === 0 ? (
          <p className={css.hint}>The statement ran and found no rows. Columns: {answer.columns.map((c) => c.name).join(', ')}.</p>
        ) : (
          <DataGrid columns={answer.columns} rows={answer.rows} label="Rows" rowKey={String} openKey={open === null ? null : String(open)} onOpen={setOpen} maxHeight={560} />
        )}
      </section>
      {row && (
        <aside className={css.record} aria-label={`Row ${open! + 1}`}>
          <div className={css.recordHead}>
            <h2>Row {groupDigits(open! + 1)}</h2>
            <Button look="quiet" size="small" iconOnly icon="close" aria-label="Close the row" title="Close (Esc)" onClick={() => setOpen(null)} />
          </div>
          <dl>
            {answer.columns.map((c, i) => {
              const value = row[i] ?? null;
              const text = String(value);
              return (
                <div key={`${c.name}${i}`}>
                  <dt>{c.name}</dt>
                  <dd>
                    {value === null ? (
                      <span className={pageCss.muted}>null</span>
                    ) : typeof value === 'string' && /^\s*[{[]/.test(value) ? (
                      <RecordViewer text={value} />
                    ) : /TIMESTAMP/.test(c.type) ? (
                      sqlTime(text, zone)
                    ) : (
                      text
                    )}
                  </dd>
                </div>
              );
            })}
          </dl>
        </aside>
      )}
    </div>
  );
}

export function Sql() {
  const { q = '' } = route.useSearch();
  const navigate = useNavigate({ from: '/sql' });
  const [text, setText] = useState(q);
  /* An address with a statement runs it: reading is all a statement can do. */
  const [run, setRun] = useState(q ? 1 : 0);
  const lastQ = useRef(q);
  useEffect(() => {
    if (q !== lastQ.current) {
      lastQ.current = q;
      setText(q);
      setRun((n) => n + 1);
    }
  }, [q]);

  const start = (statement: string) => {
    if (statement.trim() === '') return;
    setText(statement);
    lastQ.current = statement;
    setRun((n) => n + 1);
    void navigate({ search: { q: statement }, replace: q === statement });
  };
  const [ran, setRan] = useState(q);
  useEffect(() => {
    if (run > 0) setRan(lastQ.current);
  }, [run]);

  const answer = useQuery({ ...sqlQuery(ran, run), placeholderData: (old: SqlAnswer | undefined) => old });
  const tables = useQuery(tablesQuery).data?.items ?? [];
  const columns = useQueries({
    queries: tables.slice(0, 30).map((t) => ({ ...tableQuery(t.name), staleTime: 60_000 })),
    combine: (results) => results.map((r) => r.data),
  });
  const described = JSON.stringify(tables.slice(0, 30).map((t, i) => [t.name, columns[i]?.columns.map((c) => c.name) ?? []]));
  const schema = useMemo(() => {
    const all: Schema = {};
    for (const [name, names] of JSON.parse(described) as [string, string[]][]) {
      const dot = name.indexOf('.');
      (all[name.slice(0, dot)] ??= {})[name.slice(dot + 1)] = names;
    }
    return all;
  }, [described]);

  const problem = answer.isError ? problemOf(answer.error) : null;
  return (
    <div className={css.page}>
      <title>SQL · Data Highway</title>
      <TableList onPick={(table) => start(newestRowsSql(table))} />
      <div className={css.work}>
        <header className={css.top}>
          <h1>SQL</h1>
          <div className={css.run}>
            <span className={pageCss.note}>
              <kbd>{commandKey}</kbd> <kbd>Enter</kbd>
            </span>
            <Button look="accent" icon="play" onClick={() => start(text)} why={text.trim() === '' ? 'Write a statement first' : null}>
              Run
            </Button>
          </div>
        </header>
        <div className={css.editor}>
          <Suspense fallback={<textarea className={css.plain} aria-label="SQL statement (editor is loading)" value={text} onChange={(e) => setText(e.target.value)} />}>
            <SqlEditor value={text} schema={schema} onChange={setText} onRun={() => start(text)} />
          </Suspense>
        </div>
        {problem && !answer.isFetching && (
          <div className={css.fault}>
            <Notice title={problem.code === 'sql_timeout' ? 'The statement took too long.' : 'The statement could not run.'}>
              <pre>{problem.detail}</pre>
              {problem.hint && <p>{problem.hint}</p>}
            </Notice>
          </div>
        )}
        {answer.isFetching && !answer.data && <Skeleton width="100%" height={220} />}
        {answer.data && !problem && <Result key={answer.dataUpdatedAt} answer={answer.data} busy={answer.isFetching} />}
        {run === 0 && (
          <p className={css.hint}>
            {tables.length > 0
              ? 'Pick a table on the left for its newest rows, or write a statement. Reading is all it can do; nothing here changes data.'
              : 'Write a statement, for example select 42. Tables show on the left when a flow has written its first rows.'}
          </p>
        )}
      </div>
    </div>
  );
}
