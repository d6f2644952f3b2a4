import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { ApiError } from '../api/client';
import type { SampleEvent, TopicDetail } from '../api/client';
import { flowsQuery, infoQuery, sampleQuery, topicQuery } from '../api/queries';
import { DataGrid } from '../components/DataGrid';
import { Icon } from '../components/icons';
import { Card, Page, Stats } from '../components/Page';
import { RecordViewer } from '../components/RecordViewer';
import { Ago, AsOf, At, Button, buttonClass, Command, Empty, Fault, Segmented, Skeleton, StatusPill } from '../components/ui';
import { readTopic, sendEvent } from '../lib/commands';
import { eventKey, flattenEvents } from '../lib/events';
import { groupDigits, humanBytes, humanCount, humanRate, plural } from '../lib/format';
import { useKeys } from '../lib/keys';
import pageCss from '../components/page.module.css';
import uiCss from '../components/ui.module.css';
import css from './Topic.module.css';

const route = getRouteApi('/topics/$topic');
const SAMPLE = 50;

function EventPanel({ event, onClose }: { event: SampleEvent; onClose: () => void }) {
  return (
    <aside className={css.panel} aria-label="Event">
      <div className={css.panelHead}>
        <h2>Event</h2>
        <Button look="quiet" size="small" iconOnly icon="close" aria-label="Close the event" title="Close (Esc)" onClick={onClose} />
      </div>
      <div className={css.panelBody}>
        <dl className={css.facts}>
          <dt>Received</dt>
          <dd>{event.timestamp ? <At at={event.timestamp} /> : 'not known'}</dd>
          <dt>Position</dt>
          <dd title="Where it is in the log: partition and offset">
            {event.partition}:{event.offset}
          </dd>
          <dt>Key</dt>
          <dd>{event.key ?? <span className={pageCss.muted}>none</span>}</dd>
          {event.size !== undefined && (
            <>
              <dt>Size</dt>
              <dd title={`${event.size} bytes`}>{humanBytes(event.size)}</dd>
            </>
          )}
          {event.headers.map((h, i) => (
            <HeaderFact key={i} name={h.name} value={h.value} />
          ))}
        </dl>
        {event.truncated && <p className={pageCss.note}>Only the first megabyte is shown.</p>}
        {event.encoding === 'base64' && <p className={pageCss.note}>The value is not text. It is shown as base64.</p>}
        {event.value === null ? <p className={pageCss.second}>No value: this event deletes its key.</p> : <RecordViewer key={eventKey(event)} text={event.value} />}
      </div>
    </aside>
  );
}

function HeaderFact({ name, value }: { name: string; value: string | null }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value ?? <span className={pageCss.muted}>null</span>}</dd>
    </>
  );
}

function Events({ topic, detail }: { topic: string; detail: TopicDetail | undefined }) {
  const { at } = route.useSearch();
  const navigate = useNavigate({ from: '/topics/$topic' });
  const info = useQuery(infoQuery).data;
  /* The newest events stay put while they are read: new ones are counted, and shown on request. An empty topic fills by itself. */
  const sample = useQuery({
    ...sampleQuery(topic, SAMPLE),
    refetchInterval: (query) => (query.state.data?.items.length ? false : 1500),
    staleTime: Infinity,
  });
  const items = useMemo(() => sample.data?.items ?? [], [sample.data]);
  const grid = useMemo(() => flattenEvents(items), [items]);
  const open = items.find((e) => eventKey(e) === at);
  const select = (key: string | undefined) => void navigate({ search: (s) => ({ ...s, at: key }), replace: at !== undefined && key !== undefined });
  useKeys({ Escape: () => at && select(undefined), r: () => void sample.refetch() });

  const newest = new Map<number, bigint>();
  for (const e of items) {
    const offset = BigInt(e.offset);
    if (offset > (newest.get(e.partition) ?? -1n)) newest.set(e.partition, offset);
  }
  let fresh = 0n;
  if (detail && sample.data && items.length > 0)
    for (const p of detail.partition_list) {
      const seen = newest.get(p.partition);
      if (seen !== undefined && BigInt(p.end) > seen + 1n) fresh += BigInt(p.end) - seen - 1n;
    }

  if (sample.isError && !sample.data) return <Fault error={sample.error} what="The newest events could not be read" onRetry={() => void sample.refetch()} />;
  return (
    <div className={css.split} data-open={open !== undefined}>
      <Card
        pad={false}
        title={items.length > 0 ? items.length === 1 ? 'The one event' : items.length < SAMPLE ? `All ${items.length} events, newest first` : `The newest ${items.length} events` : 'Newest events'}
        tools={
          <div className={css.newer}>
            {sample.data && !sample.data.complete && <span className={pageCss.note}>Part of the topic did not answer in time.</span>}
            <Button size="small" icon="restart" onClick={() => void sample.refetch()} title="Show the newest (r)">
              {fresh > 0n ? `Show ${humanCount(fresh.toString())} new` : 'Refresh'}
            </Button>
          </div>
        }
      >
        {sample.isPending ? (
          <div className={css.wait}>
            <Skeleton width="100%" height={240} />
          </div>
        ) : items.length === 0 ? (
          <Empty>
            <p>{sample.data?.complete === false ? 'The log did not answer in time; trying again.' : 'This topic holds no event now. The next one shows here by itself.'}</p>
            <Command label="Send an event" text={sendEvent(info, topic)} />
          </Empty>
        ) : (
          <DataGrid
            columns={grid.columns}
            rows={grid.rows}
            label="Newest events"
            rowKey={(i) => eventKey(items[i]!)}
            openKey={at ?? null}
            onOpen={(i) => select(eventKey(items[i]!))}
            maxHeight={560}
          />
        )}
      </Card>
      {open && <EventPanel event={open} onClose={() => select(undefined)} />}
    </div>
  );
}

function Details({ detail }: { detail: TopicDetail }) {
  return (
    <div className={pageCss.columns}>
      <Card title="Consumers" pad={false}>
        {detail.groups.length === 0 ? (
          <div className={css.wait}>Nobody reads this topic.</div>
        ) : (
          <table className={pageCss.table}>
            <thead>
              <tr>
                <th scope="col">Consumer</th>
                <th scope="col">Flow</th>
                <th scope="col" className={pageCss.number}>
                  Events behind
                </th>
              </tr>
            </thead>
            <tbody>
              {detail.groups.map((g) => (
                <tr key={g.name}>
                  <td>{g.name}</td>
                  <td>
                    {g.flow ? (
                      <Link to="/flows/$flow" params={{ flow: g.flow }}>
                        {g.flow}
                      </Link>
                    ) : (
                      <span className={pageCss.muted}>none</span>
                    )}
                  </td>
                  <td className={pageCss.number}>{groupDigits(g.lag)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Card>
      <Card title="Under the hood" pad={false}>
        <table className={pageCss.table}>
          <thead>
            <tr>
              <th scope="col">
                <abbr title="A topic is stored in one or more ordered parts">Partition</abbr>
              </th>
              <th scope="col" className={pageCss.number}>
                First position
              </th>
              <th scope="col" className={pageCss.number}>
                Next position
              </th>
            </tr>
          </thead>
          <tbody>
            {detail.partition_list.map((p) => (
              <tr key={p.partition}>
                <td>{p.partition}</td>
                <td className={pageCss.number}>{groupDigits(p.start)}</td>
                <td className={pageCss.number}>{groupDigits(p.end)}</td>
              </tr>
            ))}
            {Object.entries(detail.config ?? {}).map(([key, value]) => (
              <tr key={key}>
                <td>
                  <code>{key}</code>
                </td>
                <td className={pageCss.number} colSpan={2}>
                  {value}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Card>
    </div>
  );
}

function Snippets({ topic }: { topic: string }) {
  const info = useQuery(infoQuery).data;
  const [which, setWhich] = useState('curl');
  const all = readTopic(info, topic);
  const shown = all.find((s) => s.name === which) ?? all[0]!;
  return (
    <Card
      title="Use it from your code"
      tools={
        <Segmented label="Language" value={shown.name} options={all.map((s) => ({ value: s.name, label: s.name }))} onChange={setWhich} />
      }
    >
      <Command label={`${shown.name} snippet`} text={shown.text} />
    </Card>
  );
}

export function TopicPage() {
  const { topic } = route.useParams();
  const { tab = 'events' } = route.useSearch();
  const query = useQuery(topicQuery(topic));
  const flows = useQuery({ ...flowsQuery(topic) }).data?.items ?? [];
  const detail = query.data;
  const gone = query.error instanceof ApiError && query.error.problem.status === 404;
  if (query.isError && !detail)
    return (
      <Page title={topic}>
        <Fault error={query.error} what={gone ? 'No such topic' : 'The topic could not be read'} onRetry={() => void query.refetch()} />
      </Page>
    );
  const rate = detail?.messages_per_minute;
  const tabs = [
    { id: 'events', label: 'Events' },
    { id: 'details', label: 'Details' },
    { id: 'code', label: 'Code' },
  ] as const;
  return (
    <Page
      title={topic}
      beside={<AsOf updatedAt={query.dataUpdatedAt} />}
      actions={
        <Link to="/flows/new" search={{ topic }} className={buttonClass({ look: 'accent' })}>
          Land in a warehouse table
        </Link>
      }
    >
      <Stats
        items={[
          { label: 'Messages/min', value: rate === undefined || rate === null ? '–' : humanRate(rate), title: 'Over the last minute' },
          { label: 'Messages', value: detail ? humanCount(detail.messages) : '–', title: detail && groupDigits(detail.messages) },
          { label: 'Last event', value: detail ? <Ago at={detail.last_event_at} /> : '–' },
          { label: 'Consumers', value: detail?.consumers ?? '–' },
        ]}
      />
      {flows.length > 0 && (
        <Card title={plural(flows.length, 'flow reads this topic', 'flows read this topic')} pad={false}>
          <table className={pageCss.table}>
            <tbody>
              {flows.map((f) => (
                <tr key={f.name}>
                  <td>
                    <Link to="/flows/$flow" params={{ flow: f.name }}>
                      {f.name}
                    </Link>
                  </td>
                  <td className={pageCss.second}>
                    <Icon name="right" /> {f.spec.to?.table ?? f.spec.to?.file ?? f.spec.plugin}
                  </td>
                  <td className={pageCss.number}>
                    <StatusPill status={f.status} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Card>
      )}
      <nav className={uiCss.tabs} aria-label="Parts of this topic">
        {tabs.map((t) => (
          <Link key={t.id} to="/topics/$topic" params={{ topic }} search={t.id === 'events' ? (s) => ({ at: s.at }) : { tab: t.id }} replace activeProps={{}} activeOptions={{ exact: true, includeSearch: true }}>
            {t.label}
          </Link>
        ))}
      </nav>
      {tab === 'events' && <Events topic={topic} detail={detail} />}
      {tab === 'details' && detail && <Details detail={detail} />}
      {tab === 'code' && <Snippets topic={topic} />}
    </Page>
  );
}
