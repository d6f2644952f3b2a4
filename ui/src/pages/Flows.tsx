import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useRef } from 'react';
import { flowsQuery, infoQuery } from '../api/queries';
import { FlowTable, worstFirst } from '../components/FlowTable';
import { Card, Page } from '../components/Page';
import { AsOf, buttonClass, Command, Empty, Fault, SearchBox, Skeleton } from '../components/ui';
import { putFlow } from '../lib/commands';
import { plural } from '../lib/format';
import { useRowKeys } from '../lib/rows';
import pageCss from '../components/page.module.css';

const route = getRouteApi('/flows');

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
