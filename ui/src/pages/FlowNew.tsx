import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { api, ApiError, unwrap } from '../api/client';
import type { FieldError, FlowSpec, Plan } from '../api/client';
import { infoQuery, planQuery, queryClient, topicsQuery } from '../api/queries';
import { DataGrid } from '../components/DataGrid';
import { Choice, TextField } from '../components/Field';
import { Icon } from '../components/icons';
import type { IconName } from '../components/icons';
import { Card, Page } from '../components/Page';
import { Button, Command, Fault, Notice, Skeleton } from '../components/ui';
import { putFlow } from '../lib/commands';
import { dropDraft, loadDraft, saveDraft } from '../lib/draft';
import type { FlowDraft } from '../lib/draft';
import { humanDuration } from '../lib/format';
import { flowName, tableName } from '../lib/names';
import pageCss from '../components/page.module.css';
import css from './FlowNew.module.css';

const route = getRouteApi('/flows/new');
type FieldName = 'topic' | 'name' | 'table' | 'freshness' | 'onBadRecord' | 'owner';

/* Where the API's pointers show in this form. */
function fieldOf(pointer: string): FieldName | null {
  if (pointer === '{flow}' || pointer === '/name') return 'name';
  if (pointer.startsWith('/from')) return 'topic';
  if (pointer.startsWith('/to')) return 'table';
  if (pointer === '/freshness') return 'freshness';
  if (pointer === '/on_bad_record') return 'onBadRecord';
  if (pointer === '/owner') return 'owner';
  return null;
}

function freshDraft(topic: string): FlowDraft {
  return { topic, name: flowName(topic), table: tableName(topic), freshness: '30s', onBadRecord: 'set_aside', owner: '', touched: [], savedAt: Date.now() };
}

function specOf(draft: FlowDraft): FlowSpec {
  const spec: FlowSpec = {
    kind: 'sink',
    plugin: 'warehouse',
    from: { topics: [draft.topic.trim()] },
    to: { table: draft.table.trim() },
    freshness: draft.freshness,
    on_bad_record: draft.onBadRecord,
  };
  if (draft.owner.trim()) spec.owner = draft.owner.trim();
  return spec;
}

function missing(draft: FlowDraft): FieldError[] {
  const errors: FieldError[] = [];
  if (!draft.topic.trim()) errors.push({ pointer: '/from/topics', code: 'required', detail: 'Choose the topic to read.' });
  if (!draft.name.trim()) errors.push({ pointer: '{flow}', code: 'required', detail: 'Give the flow a name.' });
  if (!draft.table.trim()) errors.push({ pointer: '/to/table', code: 'required', detail: 'Name the table, for example events.clicks.' });
  return errors;
}

function nameTaken(plan: Plan | undefined, name: string): FieldError[] {
  return plan?.exists ? [{ pointer: '{flow}', code: 'exists', detail: 'A flow of this name exists already.', hint: `Choose another, for example ${name}-2.` }] : [];
}

function useDebounced<T>(value: T, ms: number): T {
  const [settled, setSettled] = useState(value);
  const text = JSON.stringify(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(JSON.parse(text) as T), ms);
    return () => clearTimeout(timer);
  }, [text, ms]);
  return settled;
}

const CHECK_ICON: Record<string, IconName> = { pass: 'check', warn: 'warn', fail: 'close', skipped: 'clock' };
const CHECK_WORD: Record<string, string> = { pass: 'passed', warn: 'warning', fail: 'failed', skipped: 'not done' };
const EFFECT_WORD = { create: 'Create', update: 'Change', use: 'Use', none: 'Leave' } as const;

function PlanView({ plan, checking, faults }: { plan: Plan; checking: boolean; faults: boolean }) {
  const bad = plan.checks.filter((c) => c.state === 'fail').length;
  return (
    <>
      <Card
        pad={false}
        title="Checks"
        tools={
          <span className={pageCss.note} role="status">
            {checking ? 'Checking…' : bad > 0 ? `${bad} of ${plan.checks.length} failed` : plan.valid && !faults ? 'All passed' : 'See the fields'}
          </span>
        }
      >
        <ul className={css.checks}>
          {plan.checks.map((check) => (
            <li key={check.id + check.title} data-state={check.state}>
              <Icon name={CHECK_ICON[check.state] ?? 'question'} />
              <span>
                {check.title}
                <span className="sr-only"> {CHECK_WORD[check.state] ?? check.state}</span>
              </span>
              <span className={css.ms}>{check.ms < 1 ? '< 1 ms' : humanDuration(check.ms)}</span>
              {check.detail && <p className={css.detail}>{check.detail}</p>}
              {check.hint && check.state !== 'pass' && (
                <p className={css.detail}>
                  <strong>Fix:</strong> {check.hint}
                </p>
              )}
            </li>
          ))}
        </ul>
      </Card>
      <Card pad={false} title="What will happen">
        {plan.effects.length === 0 ? (
          <p className={css.wait}>Nothing yet: see the fields.</p>
        ) : (
          <ul className={css.effects}>
            {plan.effects.map((effect) => (
              <li key={effect.object + effect.name}>
                <Icon name={effect.object === 'table' ? 'tables' : effect.object === 'topic' ? 'topics' : 'flows'} />
                <span>
                  {EFFECT_WORD[effect.action] ?? effect.action} {effect.object} <strong>{effect.name}</strong>
                </span>
                {effect.detail && <p className={css.detail}>{effect.detail}</p>}
                {effect.ddl && (
                  /* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls */
                  <pre className={css.ddl} tabIndex={0} role="group" aria-label={`Definition of ${effect.name}`}>
                    {effect.ddl}
                  </pre>
                )}
              </li>
            ))}
            {plan.warnings.map((warning) => (
              <li key={warning}>
                <Icon name="warn" />
                <span>{warning}</span>
              </li>
            ))}
          </ul>
        )}
      </Card>
    </>
  );
}

export function FlowNew() {
  const { topic: asked } = route.useSearch();
  const navigate = useNavigate();
  const info = useQuery(infoQuery).data;
  const [draft, setDraft] = useState<FlowDraft>(() => {
    const stored = loadDraft();
    return stored && (asked === undefined || stored.topic === asked) ? stored : freshDraft(asked ?? '');
  });
  const [seen, setSeen] = useState<Set<FieldName>>(new Set());
  const [refused, setRefused] = useState<{ for: string; errors: FieldError[]; fault: unknown } | null>(null);
  const [starting, setStarting] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const topics = useInfiniteQuery({ ...topicsQuery('', 'name', false), refetchInterval: 5000 }).data?.pages.flatMap((p) => p.items.map((t) => t.name)) ?? [];

  /* Another topic in the address (a link from elsewhere) starts over. */
  const lastAsked = useRef(asked);
  useEffect(() => {
    if (asked !== undefined && asked !== lastAsked.current) setDraft(freshDraft(asked));
    lastAsked.current = asked;
  }, [asked]);

  const edit = (change: Partial<FlowDraft>) => {
    setDraft((old) => {
      const next = { ...old, ...change, savedAt: Date.now(), touched: [...new Set([...old.touched, ...Object.keys(change)])] };
      /* Names follow the topic until the person chose their own. */
      if (change.topic !== undefined) {
        if (!next.touched.includes('name')) next.name = flowName(next.topic);
        if (!next.touched.includes('table')) next.table = tableName(next.topic);
      }
      saveDraft(next);
      return next;
    });
  };

  const settled = useDebounced(draft, 400);
  const spec = specOf(draft);
  const key = JSON.stringify([draft.name.trim(), spec]);
  const ready = missing(settled).length === 0;
  const plan = useQuery({ ...planQuery(settled.name.trim(), specOf(settled), ready), retry: false });
  const current = settled === draft || JSON.stringify([settled.name.trim(), specOf(settled)]) === key;
  const checking = plan.isFetching || !current;
  const shownPlan = ready ? plan.data : undefined;

  const planErrors = shownPlan && current && !plan.isPlaceholderData ? [...shownPlan.errors, ...nameTaken(shownPlan, settled.name.trim())] : [];
  const all = [...missing(draft).filter((e) => seen.has(fieldOf(e.pointer)!)), ...(refused?.for === key ? refused.errors : planErrors)];
  const errorsOf = (field: FieldName) => all.filter((e) => fieldOf(e.pointer) === field);
  const elsewhere = all.filter((e) => fieldOf(e.pointer) === null);
  const see = (field: FieldName) => () => setSeen((old) => new Set(old).add(field));

  const refuse = (errors: FieldError[], fault: unknown = null) => {
    setRefused({ for: key, errors, fault });
    setStarting(false);
    setTimeout(() => form.current?.querySelector<HTMLElement>('[aria-invalid="true"], [data-invalid="true"]:checked')?.focus(), 0);
  };
  const start = async () => {
    if (starting) return;
    setSeen(new Set(['topic', 'name', 'table']));
    const none = missing(draft);
    if (none.length > 0) return refuse(none);
    setStarting(true);
    const name = draft.name.trim();
    try {
      const fresh = await queryClient.fetchQuery({ ...planQuery(name, spec, true), staleTime: 0, retry: false });
      const errors = [...fresh.errors, ...nameTaken(fresh, name)];
      if (!fresh.valid || fresh.exists)
        return refuse(
          errors,
          errors.length > 0 ? null : new Error(fresh.checks.find((c) => c.state === 'fail')?.title ?? 'The plan is not valid.'),
        );
      await unwrap(api.PUT('/v1/flows/{flow}', { params: { path: { flow: name } }, body: spec }));
    } catch (error) {
      const errors = error instanceof ApiError ? (error.problem.errors ?? []) : [];
      return refuse(errors, errors.length > 0 ? null : error);
    }
    dropDraft();
    void queryClient.invalidateQueries({ queryKey: ['flows'] });
    await navigate({ to: '/flows/$flow', params: { flow: name } });
  };

  return (
    <Page title="New flow" heading="Land a topic in a warehouse table" lede="Every event of the topic becomes one row, exactly once. Nothing starts before you say so.">
      <div className={css.layout}>
        <Card>
          <form
            className={css.form}
            ref={form}
            noValidate
            aria-label="New flow"
            onSubmit={(event) => {
              event.preventDefault();
              void start();
            }}
          >
            <TextField name="topic" label="Topic" help="Where the events come from." value={draft.topic} options={topics} errors={errorsOf('topic')} mono onChange={(topic) => edit({ topic })} onBlur={see('topic')} />
            <TextField name="name" label="Flow name" help="What you will find it by." value={draft.name} errors={errorsOf('name')} mono onChange={(name) => edit({ name })} onBlur={see('name')} />
            <TextField name="table" label="Table" help="namespace.table; made if it does not exist." value={draft.table} errors={errorsOf('table')} mono onChange={(table) => edit({ table })} onBlur={see('table')} />
            <Choice
              name="freshness"
              label="How fresh should the rows be?"
              value={draft.freshness}
              errors={errorsOf('freshness')}
              onChange={(freshness) => edit({ freshness })}
              options={[
                { value: '1s', label: '1 second', help: 'For looking on; many small files.' },
                { value: '30s', label: '30 seconds', help: 'The default: fresh and calm.' },
                { value: '5m', label: '5 minutes', help: 'Fewer, larger files.' },
                { value: '1h', label: '1 hour', help: 'For reports; cheapest to query.' },
              ]}
            />
            <Choice
              name="on_bad_record"
              label="An event that cannot be used?"
              value={draft.onBadRecord}
              errors={errorsOf('onBadRecord')}
              onChange={(onBadRecord) => edit({ onBadRecord })}
              options={[
                { value: 'set_aside', label: 'Set it aside', help: `Kept whole in the topic dlq.${draft.name || '…'}, the flow goes on. The default.` },
                { value: 'stop', label: 'Stop the flow', help: 'Nothing goes on until somebody looks.' },
              ]}
            />
            <TextField name="owner" label="Owner" optional help="Who is asked when something is wrong." value={draft.owner} errors={errorsOf('owner')} onChange={(owner) => edit({ owner })} />
            {elsewhere.length > 0 && (
              <Notice title="This flow cannot start">
                {elsewhere.map((e) => (
                  <p key={e.pointer + e.detail}>
                    <code>{e.pointer}</code> {e.detail} {e.hint}
                  </p>
                ))}
              </Notice>
            )}
            {refused?.for === key && refused.fault !== null && <Fault error={refused.fault} what="The flow was not started" />}
            <div className={css.submit}>
              <Button look="accent" size="large" type="submit" aria-busy={starting}>
                {starting ? 'Starting…' : 'Start flow'}
              </Button>
              <span className={pageCss.note} role="status">
                {draft.touched.length > 0 ? 'Your answers are kept on this computer until it starts.' : ''}
              </span>
              {draft.touched.length > 0 && (
                <Button
                  look="quiet"
                  onClick={() => {
                    dropDraft();
                    setSeen(new Set());
                    setDraft(freshDraft(asked ?? ''));
                  }}
                >
                  Start over
                </Button>
              )}
            </div>
          </form>
        </Card>
        <div className={pageCss.stack}>
          {plan.isError && ready && current && <Fault error={plan.error} what="The checks could not run" onRetry={() => void plan.refetch()} />}
          {shownPlan ? (
            <PlanView plan={shownPlan} checking={checking} faults={planErrors.length > 0} />
          ) : (
            <Card title="Checks">
              {ready && plan.isPending ? (
                <Skeleton width="100%" height={180} />
              ) : (
                <p className={pageCss.second}>{ready ? 'The checks come back when the highway answers.' : 'Fill in topic, name and table: then everything is tried out here without changing anything.'}</p>
              )}
            </Card>
          )}
          <Card pad={false}>
            <details className={css.more}>
              <summary>The same as a command</summary>
              <div>
                <Command label="The same as a command" text={putFlow(info, draft.name.trim() || 'my-flow', spec)} />
              </div>
            </details>
            {shownPlan && Object.keys(shownPlan.config).length > 0 && (
              <details className={css.more}>
                <summary>Every setting, and where it comes from</summary>
                <div>
                  <table>
                    <thead>
                      <tr>
                        <th scope="col">Setting</th>
                        <th scope="col">Value</th>
                        <th scope="col">From</th>
                      </tr>
                    </thead>
                    <tbody>
                      {Object.entries(shownPlan.config).map(([name, c]) => (
                        <tr key={name}>
                          <td>
                            <code>{name}</code>
                          </td>
                          <td>
                            <code>{c.value}</code>
                          </td>
                          <td title={c.why}>{c.from}</td>
                        </tr>
                      ))}
                    </tbody>
                  </table>
                </div>
              </details>
            )}
          </Card>
        </div>
      </div>
      {shownPlan && (
        <Card pad={false} title="Preview: the newest events as rows" tools={<span className={pageCss.note}>Nothing is written yet</span>}>
          {shownPlan.preview && shownPlan.preview.rows.length > 0 ? (
            <DataGrid columns={shownPlan.preview.columns} rows={shownPlan.preview.rows} label="Preview" maxHeight={360} />
          ) : (
            <p className={css.wait}>
              No rows to show. {draft.topic && <Link to="/topics/$topic" params={{ topic: draft.topic }}>Look at the topic</Link>}
            </p>
          )}
        </Card>
      )}
    </Page>
  );
}
