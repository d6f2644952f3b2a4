import { useMutation, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { api, ApiError, unwrap } from '../api/client';
import type { Flow, RowSet } from '../api/client';
import { flowQuery, infoQuery, queryClient } from '../api/queries';
import { Icon } from '../components/icons';
import { Card, Page, Stats } from '../components/Page';
import { Ago, AsOf, At, Button, buttonClass, Command, Fault, For, Notice, showToast, Skeleton, stateWord, StatusPill } from '../components/ui';
import { putFlow } from '../lib/commands';
import { groupDigits, humanCount, humanDuration, sqlTime } from '../lib/format';
import { newestRowsSql } from '../lib/names';
import { usePrefs } from '../lib/prefs';
import pageCss from '../components/page.module.css';
import css from './Flow.module.css';

const route = getRouteApi('/flows/$flow');

type Step = Flow['steps'][number];
const STEP_WORDS: Record<Step['id'], { todo: string; done: string }> = {
  accepted: { todo: 'Accept the flow', done: 'Flow accepted' },
  running: { todo: 'Start the work', done: 'Work started' },
  first_event: { todo: 'Read the first event', done: 'First event read' },
  first_commit: { todo: 'Write the first rows', done: 'First rows written' },
  queryable: { todo: 'First row answers to SQL', done: 'First row answers to SQL' },
};

/* The clock of the step in work: counts on its own between answers. */
function Ticking({ from }: { from: number }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 100);
    return () => clearInterval(timer);
  }, []);
  return <>{humanDuration(now - from)}</>;
}

function Steps({ flow }: { flow: Flow }) {
  const began = flow.created_at ? Date.parse(flow.created_at) : null;
  const done = flow.steps.filter((s) => s.state === 'done').length;
  const active = flow.steps.find((s) => s.state === 'active');
  const arrived = flow.steps.every((s) => s.state === 'done');
  const last = flow.steps.at(-1)?.at;
  return (
    <Card
      pad={false}
      title="The way to the first row"
      tools={
        <span className={pageCss.note} role="status">
          {arrived
            ? began !== null && last
              ? `First row after ${humanDuration(Date.parse(last) - began)}`
              : 'The first row is there'
            : `${done} of ${flow.steps.length} done${active ? `: ${STEP_WORDS[active.id].todo.toLowerCase()}` : ''}`}
        </span>
      }
    >
      <ol className={css.steps} aria-label="Steps to the first row">
        {flow.steps.map((step) => (
          <li key={step.id} data-state={step.state} aria-current={step.state === 'active' ? 'step' : undefined}>
            <span className={css.dot}>{step.state === 'done' ? <Icon name="check" /> : step.state === 'failed' ? <Icon name="close" /> : null}</span>
            <div>
              <strong>{step.state === 'done' ? STEP_WORDS[step.id].done : STEP_WORDS[step.id].todo}</strong>
              <span className="sr-only"> ({step.state})</span>
              <p>{step.detail === STEP_WORDS[step.id].done ? '' : step.detail}</p>
            </div>
            <span className={css.clock}>
              {step.at && began !== null ? (
                <time dateTime={step.at} title={step.at}>
                  +{humanDuration(Date.parse(step.at) - began)}
                </time>
              ) : step.state === 'active' && began !== null ? (
                <span aria-hidden="true">
                  <Ticking from={began} />
                </span>
              ) : null}
            </span>
          </li>
        ))}
      </ol>
    </Card>
  );
}

function FirstRow({ rows }: { rows: RowSet }) {
  const { zone } = usePrefs();
  const row = rows.rows[0];
  if (!row) return null;
  return (
    <dl className={css.row}>
      {rows.columns.map((column, i) => {
        const value = row[i];
        return (
          <div key={column.name} style={{ display: 'contents' }}>
            <dt>{column.name}</dt>
            <dd className={value === null ? css.rowNull : undefined}>
              {value === null || value === undefined ? 'null' : /TIMESTAMP/.test(column.type) ? sqlTime(String(value), zone) : String(value).slice(0, 2000)}
            </dd>
          </div>
        );
      })}
    </dl>
  );
}

export function FlowPage() {
  const { flow: name } = route.useParams();
  const navigate = useNavigate();
  const info = useQuery(infoQuery).data;
  const query = useQuery(flowQuery(name));
  const flow = query.data;
  const act = useMutation({
    mutationFn: (action: 'pause' | 'resume' | 'restart') => unwrap(api.POST('/v1/flows/{flow}/actions', { params: { path: { flow: name } }, body: { action } })),
    onSuccess: (next, action) => {
      queryClient.setQueryData(flowQuery(name).queryKey, next);
      showToast({ text: { pause: 'Pausing.', resume: 'Going on.', restart: 'Restarting.' }[action] });
    },
    onSettled: () => void queryClient.invalidateQueries({ queryKey: ['flow', name] }),
  });
  const remove = useMutation({
    mutationFn: () => unwrap(api.DELETE('/v1/flows/{flow}', { params: { path: { flow: name } } })),
    onSuccess: async () => {
      const spec = flow?.spec;
      await navigate({ to: '/flows' });
      queryClient.removeQueries({ queryKey: ['flow', name] });
      void queryClient.invalidateQueries({ queryKey: ['flows'] });
      showToast({
        text: `Flow ${name} is deleted. Its topic and table are untouched.`,
        action: spec && {
          label: 'Undo',
          run: () =>
            void unwrap(api.PUT('/v1/flows/{flow}', { params: { path: { flow: name } }, body: spec })).then(
              () => navigate({ to: '/flows/$flow', params: { flow: name } }),
              (error: unknown) => showToast({ text: `It could not be brought back: ${error instanceof Error ? error.message : String(error)}` }),
            ),
        },
      });
    },
  });

  if (!flow) {
    const gone = query.error instanceof ApiError && query.error.problem.status === 404;
    return (
      <Page title={name} width="narrow">
        {query.isError ? (
          <Fault error={query.error} what={gone ? 'No such flow' : 'The flow could not be read'} onRetry={() => void query.refetch()} />
        ) : (
          <Skeleton width="100%" height={320} />
        )}
      </Page>
    );
  }
  const { status, spec, lag } = flow;
  const topics = spec.from?.topics ?? [];
  const table = spec.to?.table;
  const arrived = flow.steps.every((s) => s.state === 'done');
  const own = flow.managed !== false;
  const notOurs = own ? null : 'This connector was made elsewhere; it can only be looked at here';
  const busy = act.isPending ? 'The last request is still on its way' : null;
  return (
    <Page
      title={name}
      width="narrow"
      beside={
        <>
          <StatusPill status={status} />
          <AsOf updatedAt={query.dataUpdatedAt} />
        </>
      }
      lede={
        <span className={css.why}>
          {stateWord(status.state)}
          {status.since && (
            <>
              {' '}
              <For since={status.since} />
            </>
          )}
          {status.why && status.state !== 'failing' && status.state !== 'unknown' && `: ${status.why}`}
        </span>
      }
      actions={
        <>
          {status.state === 'paused' ? (
            <Button icon="play" why={notOurs ?? busy} onClick={() => act.mutate('resume')}>
              Resume
            </Button>
          ) : (
            <Button icon="pause" why={notOurs ?? busy} onClick={() => act.mutate('pause')}>
              Pause
            </Button>
          )}
          <Button icon="restart" why={notOurs ?? busy} onClick={() => act.mutate('restart')}>
            Restart
          </Button>
          <Button icon="trash" look="danger" why={notOurs ?? (remove.isPending ? 'Being deleted' : null)} onClick={() => remove.mutate()}>
            Delete
          </Button>
          {table && arrived && (
            <Link to="/sql" search={{ q: newestRowsSql(table) }} className={buttonClass({ look: 'accent' })}>
              Query this table
            </Link>
          )}
        </>
      }
    >
      {(act.isError || remove.isError) && <Fault error={act.error ?? remove.error} what="That did not work" />}
      {(status.state === 'failing' || status.state === 'unknown') && (
        <Notice title={status.why || stateWord(status.state)}>
          {status.hint && <p>{status.hint}</p>}
          {status.trace && (
            <details className={css.trace}>
              <summary>The whole error</summary>
              <pre>{status.trace}</pre>
            </details>
          )}
        </Notice>
      )}
      <Stats
        items={[
          {
            label: 'Behind',
            value: lag.seconds === null ? '–' : lag.seconds < 1 && (lag.records === '0' || lag.records === null) ? 'up to date' : humanDuration(lag.seconds * 1000),
            title: lag.records === null ? 'Not known' : `${groupDigits(lag.records)} events not in the table yet`,
          },
          { label: 'Events waiting', value: lag.records === null ? '–' : humanCount(lag.records), title: lag.records === null ? 'Not known' : groupDigits(lag.records) },
          { label: 'Rows in the table', value: flow.rows === null || flow.rows === undefined ? '–' : humanCount(flow.rows), title: flow.rows ? groupDigits(flow.rows) : 'No table yet' },
          { label: 'Last rows written', value: <Ago at={flow.last_commit_at} none="not yet" /> },
          ...(flow.set_aside && flow.set_aside !== '0' ? [{ label: 'Set aside', value: humanCount(flow.set_aside), title: `Events in dlq.${name}` }] : []),
        ]}
      />
      <div className={pageCss.columns}>
        <Steps flow={flow} />
        <Card title="First row">
          {flow.first_row ? (
            <FirstRow rows={flow.first_row} />
          ) : (
            <p className={css.wait}>
              {!arrived && <span className={css.lanes} aria-hidden="true" />}
              {arrived ? 'The row can be queried; it is not shown here.' : 'It shows here as soon as SQL can see it.'}
            </p>
          )}
        </Card>
      </div>
      <Card title="What it does">
        <dl className={css.facts}>
          <dt>From</dt>
          <dd>
            {topics.map((t, i) => (
              <span key={t}>
                {i > 0 && ', '}
                <Link to="/topics/$topic" params={{ topic: t }}>
                  {t}
                </Link>
              </span>
            ))}
            {spec.from?.file}
          </dd>
          <dt>To</dt>
          <dd>{table ? <>table {table}</> : (spec.to?.file ?? spec.to?.topic)}</dd>
          <dt>Freshness</dt>
          <dd>{spec.freshness ?? '30s'}</dd>
          <dt>Unusable events</dt>
          <dd>{spec.on_bad_record === 'stop' ? 'stop the flow' : `set aside in dlq.${name}`}</dd>
          <dt>Owner</dt>
          <dd>{spec.owner ?? <span className={pageCss.muted}>nobody named</span>}</dd>
          {spec.description && (
            <>
              <dt>Description</dt>
              <dd>{spec.description}</dd>
            </>
          )}
          {flow.created_at && (
            <>
              <dt>Started</dt>
              <dd>
                <At at={flow.created_at} />
              </dd>
            </>
          )}
        </dl>
      </Card>
      <Card title="The same as a command">
        <Command label="The same as a command" text={putFlow(info, name, spec)} />
      </Card>
    </Page>
  );
}
