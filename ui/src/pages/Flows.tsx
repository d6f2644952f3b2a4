import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useRef } from 'react';
import type { FlowSummary } from '../api/client';
import { flowsQuery, infoQuery } from '../api/queries';
import { Card, Page } from '../components/Page';
import { Ago, AsOf, buttonClass, Command, Empty, Fault, SearchBox, Skeleton, STATE_ORDER, StatusPill } from '../components/ui';
import { putFlow } from '../lib/commands';
import { groupDigits, humanDuration, plural } from '../lib/format';
import { useRowKeys } from '../lib/rows';
import pageCss from '../components/page.module.css';

const route = getRouteApi('/flows');

/* Worst first: what needs somebody is on top. */
export function worstFirst(flows: FlowSummary[]): FlowSummary[] {
  return [...flows].sort((a, b) => STATE_ORDER.indexOf(a.status.state) - STATE_ORDER.indexOf(b.status.state) || a.name.localeCompare(b.name));
}

export function FlowTable({ flows }: { flows: FlowSummary[] }) {
  return (
    <div className={pageCss.scroll}>
      <table className={pageCss.table}>
        <thead>
          <tr>
            <th scope="col">Flow</th>
            <th scope="col">Status</th>
            <th scope="col">From</th>
            <th scope="col">To</th>
            <th scope="col" className={pageCss.number}>
              Behind
            </th>
            <th scope="col" className={pageCss.number}>
              Since
            </th>
          </tr>
        </thead>
        <tbody>
          {flows.map((flow) => (
            <tr key={flow.name}>
              <td>
                <Link to="/flows/$flow" params={{ flow: flow.name }} data-row>
                  {flow.name}
                </Link>
              </td>
              <td>
                <StatusPill status={flow.status} />
              </td>
              <td className={pageCss.second}>{flow.spec.from?.topics?.join(', ') ?? flow.spec.from?.file}</td>
              <td className={pageCss.second}>{flow.spec.to?.table ?? flow.spec.to?.file ?? flow.spec.to?.topic}</td>
              <td className={pageCss.number} title={flow.lag.records === null ? 'Not known' : `${groupDigits(flow.lag.records)} events`}>
                {flow.lag.seconds === null ? '–' : flow.lag.records === '0' ? 'up to date' : humanDuration(flow.lag.seconds * 1000)}
              </td>
              <td className={pageCss.number}>
                <Ago at={flow.status.since} none="–" />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Flows() {
  const { q = '' } = route.useSearch();
  const navigate = useNavigate({ from: '/flows' });
  const search = useRef<HTMLInputElement>(null);
  const query = useQuery(flowsQuery());
  const info = useQuery(infoQuery).data;
  const all = query.data?.items ?? [];
  const shown = worstFirst(all.filter((f) => f.name.toLowerCase().includes(q.toLowerCase())));
  const setQ = (value: string) => void navigate({ search: { q: value || undefined }, replace: true });
  useRowKeys(search);
  return (
    <Page
      title="Flows"
      lede="Standing jobs that bring events where they are needed."
      beside={<AsOf updatedAt={query.dataUpdatedAt} />}
      actions={
        <Link to="/flows/new" className={buttonClass({ look: 'accent' })}>
          New flow
        </Link>
      }
    >
      {query.isError && !query.data && <Fault error={query.error} what="The flows could not be listed" onRetry={() => void query.refetch()} />}
      {query.isPending && <Skeleton width="100%" height={200} />}
      {query.data &&
        (all.length === 0 ? (
          <Card pad={false}>
            <Empty>
              <p>No flows yet. A flow takes every event of a topic into a warehouse table, exactly once.</p>
              <Command
                label="Start a flow from the shell"
                text={putFlow(info, 'web-clicks', { kind: 'sink', plugin: 'warehouse', from: { topics: ['web.clicks'] }, to: { table: 'events.web_clicks' }, freshness: '30s' })}
              />
            </Empty>
          </Card>
        ) : (
          <>
            <div className={pageCss.tools}>
              <SearchBox label="Filter flows" value={q} onChange={setQ} inputRef={search} />
              <span className={pageCss.note} role="status">
                {q ? `${shown.length} of ${all.length}` : plural(all.length, 'flow')}, worst first
              </span>
            </div>
            <Card pad={false}>{shown.length > 0 ? <FlowTable flows={shown} /> : <Empty><p>No flow name contains “{q}”. Press Esc in the filter to clear it.</p></Empty>}</Card>
          </>
        ))}
    </Page>
  );
}
