import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useRef } from 'react';
import { tablesQuery } from '../api/queries';
import { Card, Page } from '../components/Page';
import { Ago, AsOf, buttonClass, Empty, Fault, SearchBox, Skeleton } from '../components/ui';
import { groupDigits, humanBytes, humanCount, plural } from '../lib/format';
import { newestRowsSql } from '../lib/names';
import { useRowKeys } from '../lib/rows';
import pageCss from '../components/page.module.css';

const route = getRouteApi('/tables');

export function Tables() {
  const { q = '' } = route.useSearch();
  const navigate = useNavigate({ from: '/tables' });
  const search = useRef<HTMLInputElement>(null);
  const query = useQuery(tablesQuery);
  const all = query.data?.items ?? [];
  const shown = all.filter((t) => t.name.toLowerCase().includes(q.toLowerCase()));
  useRowKeys(search);
  return (
    <Page title="Tables" lede="What has landed. Each opens in SQL; any Iceberg reader sees the same." beside={<AsOf updatedAt={query.dataUpdatedAt} />}>
      {query.isError && !query.data && <Fault error={query.error} what="The tables could not be listed" onRetry={() => void query.refetch()} />}
      {query.isPending && <Skeleton width="100%" height={200} />}
      {query.data &&
        (all.length === 0 ? (
          <Card pad={false}>
            <Empty>
              <p>No tables yet. A flow makes one as soon as it has written its first rows.</p>
              <Link to="/flows/new" className={buttonClass({ look: 'accent' })}>
                Land a topic in a table
              </Link>
            </Empty>
          </Card>
        ) : (
          <>
            <div className={pageCss.tools}>
              <SearchBox label="Filter tables" value={q} onChange={(value) => void navigate({ search: { q: value || undefined }, replace: true })} inputRef={search} />
              <span className={pageCss.note} role="status">
                {q ? `${shown.length} of ${all.length}` : plural(all.length, 'table')}
              </span>
            </div>
            <Card pad={false}>
              {shown.length === 0 ? (
                <Empty>
                  <p>No table name contains “{q}”. Press Esc in the filter to clear it.</p>
                </Empty>
              ) : (
                <div className={pageCss.scroll}>
                  <table className={pageCss.table}>
                    <thead>
                      <tr>
                        <th scope="col">Table</th>
                        <th scope="col" className={pageCss.number}>
                          Rows
                        </th>
                        <th scope="col" className={pageCss.number}>
                          Size
                        </th>
                        <th scope="col" className={pageCss.number}>
                          Files
                        </th>
                        <th scope="col">Written by</th>
                        <th scope="col" className={pageCss.number}>
                          Last change
                        </th>
                      </tr>
                    </thead>
                    <tbody>
                      {shown.map((t) => (
                        <tr key={t.name}>
                          <td>
                            <Link to="/sql" search={{ q: newestRowsSql(t.name) }} data-row>
                              {t.name}
                            </Link>
                          </td>
                          <td className={pageCss.number} title={t.rows === null ? 'Not known' : groupDigits(t.rows)}>
                            {t.rows === null ? '–' : humanCount(t.rows)}
                          </td>
                          <td className={pageCss.number} title={t.bytes === null ? 'Not known' : `${groupDigits(t.bytes)} bytes`}>
                            {t.bytes === null ? '–' : humanBytes(t.bytes)}
                          </td>
                          <td className={pageCss.number}>{t.files === null ? '–' : groupDigits(t.files)}</td>
                          <td className={pageCss.second}>
                            {t.flows.length === 0 && <span className={pageCss.muted}>no flow</span>}
                            {t.flows.map((f, i) => (
                              <span key={f}>
                                {i > 0 && ', '}
                                <Link to="/flows/$flow" params={{ flow: f }}>
                                  {f}
                                </Link>
                              </span>
                            ))}
                          </td>
                          <td className={pageCss.number}>
                            <Ago at={t.updated_at} />
                          </td>
                        </tr>
                      ))}
                    </tbody>
                  </table>
                </div>
              )}
            </Card>
          </>
        ))}
    </Page>
  );
}
