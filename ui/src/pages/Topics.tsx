import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useRef, useState } from 'react';
import type { Topic } from '../api/client';
import { infoQuery, topicsQuery } from '../api/queries';
import type { TopicSort } from '../api/queries';
import { Icon } from '../components/icons';
import { Page } from '../components/Page';
import { Ago, AsOf, Button, Command, CopyButton, cx, Empty, Fault, SearchBox, Skeleton } from '../components/ui';
import { sendEvent } from '../lib/commands';
import { groupDigits, humanCount, humanRate } from '../lib/format';
import { useKeys } from '../lib/keys';
import pageCss from '../components/page.module.css';
import css from './Topics.module.css';

const ROW = 40;
const route = getRouteApi('/topics');

type SortField = 'name' | 'messages' | 'messages_per_minute' | 'last_event_at';
const COLUMNS: { label: string; sort?: SortField; number?: boolean; title?: string }[] = [
  { label: 'Topic', sort: 'name' },
  { label: 'Messages/min', sort: 'messages_per_minute', number: true, title: 'Over the last minute' },
  { label: 'Messages', sort: 'messages', number: true, title: 'Events held now' },
  { label: 'Consumers', number: true, title: 'Programs and flows that read it' },
  { label: 'Flows' },
  { label: 'Last event', sort: 'last_event_at', number: true },
];

function Marked({ text, part }: { text: string; part: string }) {
  const at = part === '' ? -1 : text.toLowerCase().indexOf(part.toLowerCase());
  if (at < 0) return text;
  return (
    <>
      {text.slice(0, at)}
      <mark>{text.slice(at, at + part.length)}</mark>
      {text.slice(at + part.length)}
    </>
  );
}

function Cells({ topic, q }: { topic: Topic; q: string }) {
  const rate = topic.messages_per_minute;
  return (
    <>
      <div role="cell" className={css.cell}>
        <Link to="/topics/$topic" params={{ topic: topic.name }} data-row title={topic.name}>
          <Marked text={topic.name} part={q} />
        </Link>
      </div>
      <div role="cell" className={cx(css.cell, css.number, rate === 0 && css.zero)} title={rate === null ? 'Not known yet' : `${rate} per minute`}>
        {rate === null ? '–' : humanRate(rate)}
      </div>
      <div role="cell" className={cx(css.cell, css.number, topic.messages === '0' && css.zero)} title={groupDigits(topic.messages)}>
        {humanCount(topic.messages)}
      </div>
      <div role="cell" className={cx(css.cell, css.number, !topic.consumers && css.zero)} title={topic.consumers === null ? 'Not known' : undefined}>
        {topic.consumers === null ? '–' : topic.consumers === 0 ? 'none' : groupDigits(topic.consumers)}
      </div>
      <div role="cell" className={css.cell} title={topic.flows.join(', ')}>
        {topic.flows.length === 0 ? <span className={css.zero}>none</span> : topic.flows.join(', ')}
      </div>
      <div role="cell" className={cx(css.cell, css.number)}>
        <Ago at={topic.last_event_at} />
      </div>
    </>
  );
}

export function Topics() {
  const { q = '', sort = 'name', internal } = route.useSearch();
  const navigate = useNavigate({ from: '/topics' });
  const [typed, setTyped] = useState(q);
  const search = useRef<HTMLInputElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const info = useQuery(infoQuery).data;
  const query = useInfiniteQuery(topicsQuery(q, sort, internal === 'true'));
  const topics = query.data?.pages.flatMap((p) => p.items) ?? [];
  const first = query.data?.pages[0];
  const total = first?.total ?? 0;

  useEffect(() => setTyped(q), [q]);
  useEffect(() => {
    if (typed === q) return;
    const timer = setTimeout(() => void navigate({ search: (s) => ({ ...s, q: typed || undefined }), replace: true }), 80);
    return () => clearTimeout(timer);
  }, [typed, q, navigate]);

  const virtual = useVirtualizer({ count: topics.length, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 16 });
  const items = virtual.getVirtualItems();
  const lastShown = items.at(-1)?.index ?? 0;
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && lastShown > topics.length - 100) void fetchNextPage();
  }, [lastShown, topics.length, hasNextPage, isFetchingNextPage, fetchNextPage]);

  const move = (step: number) => {
    const at = Number(document.activeElement?.closest('[data-index]')?.getAttribute('data-index') ?? -1);
    const next = Math.min(Math.max(at + step, 0), topics.length - 1);
    virtual.scrollToIndex(next);
    requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-index="${next}"] a`)?.focus({ preventScroll: true }));
  };
  useKeys({
    '/': () => search.current?.focus(),
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    Escape: () => setTyped(''),
  });

  const sortBy = (field: SortField) => {
    const next: TopicSort = sort === field ? `-${field}` : sort === `-${field}` ? field : field === 'name' ? field : `-${field}`;
    void navigate({ search: (s) => ({ ...s, sort: next === 'name' ? undefined : next }), replace: true });
  };

  const nothingAtAll = first && total === 0 && q === '' && (first.total_all ?? 0) === 0;
  return (
    <Page title="Topics" lede="Streams of events, by name. A topic appears when its first event arrives." beside={<AsOf updatedAt={query.dataUpdatedAt} />}>
      {nothingAtAll ? (
        <div className={css.list}>
          <Empty>
            <p>No topics yet. Send an event and its topic appears here at once.</p>
            <Command label="Send an event" text={sendEvent(info, 'web.clicks')} />
            <CopyButton look="accent" text={sendEvent(info, 'web.clicks')} label="Copy the command" words="Copy the command" />
          </Empty>
        </div>
      ) : (
        <>
          <div className={pageCss.tools}>
            <SearchBox label="Filter topics" value={typed} onChange={setTyped} inputRef={search} />
            <span className={pageCss.note} role="status">
              {first && (q ? `${groupDigits(total)} of ${groupDigits(first.total_all ?? total)}` : `${groupDigits(total)} ${total === 1 ? 'topic' : 'topics'}`)}
            </span>
            <span className={pageCss.spacer} />
            <label className={pageCss.check} title="Topics the highway keeps its own state in">
              <input
                type="checkbox"
                checked={internal === 'true'}
                onChange={(e) => void navigate({ search: (s) => ({ ...s, internal: e.target.checked ? 'true' : undefined }), replace: true })}
              />
              Internal topics
            </label>
          </div>
          {query.isError && !query.data && <Fault error={query.error} what="The topics could not be listed" onRetry={() => void query.refetch()} />}
          {(query.data || query.isPending) && (
            <div className={css.list}>
              <div className={css.scroller} ref={scroller} data-scroll-restoration-id="topics">
                <div role="table" aria-label="Topics" aria-rowcount={total + 1} aria-busy={query.isPending}>
                  <div role="rowgroup">
                    <div role="row" className={cx(css.row, css.head)}>
                      {COLUMNS.map((c) => (
                        <div
                          role="columnheader"
                          key={c.label}
                          className={cx(css.cell, c.number && css.number)}
                          aria-sort={c.sort === undefined ? undefined : sort === c.sort ? 'ascending' : sort === `-${c.sort}` ? 'descending' : 'none'}
                          title={c.title}
                        >
                          {c.sort ? (
                            <button type="button" onClick={() => sortBy(c.sort!)}>
                              {c.label}
                              {sort === c.sort && <Icon name="up" />}
                              {sort === `-${c.sort}` && <Icon name="down" />}
                            </button>
                          ) : (
                            c.label
                          )}
                        </div>
                      ))}
                    </div>
                  </div>
                  {query.isPending && (
                    <div>
                      {[180, 240, 140, 200, 160].map((w) => (
                        <div key={w} className={css.row}>
                          <div className={css.cell}>
                            <Skeleton width={w} />
                          </div>
                        </div>
                      ))}
                    </div>
                  )}
                  {topics.length > 0 && (
                    <div role="rowgroup" className={css.body} style={{ height: virtual.getTotalSize() }}>
                      {items.map((item) => {
                        const topic = topics[item.index]!;
                        return (
                          <div
                            role="row"
                            key={topic.name}
                            data-index={item.index}
                            aria-rowindex={item.index + 2}
                            className={css.row}
                            style={{ transform: `translateY(${item.start}px)` }}
                          >
                            <Cells topic={topic} q={q} />
                          </div>
                        );
                      })}
                    </div>
                  )}
                </div>
                {first && topics.length === 0 && (
                  <div className={css.none}>
                    {q ? `No topic name contains “${q}”.` : 'Only internal topics exist so far.'}
                    {q && (
                      <Button size="small" onClick={() => setTyped('')}>
                        Clear the filter
                      </Button>
                    )}
                  </div>
                )}
              </div>
            </div>
          )}
        </>
      )}
    </Page>
  );
}
