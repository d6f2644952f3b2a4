import { infiniteQueryOptions, keepPreviousData, QueryClient, queryOptions } from '@tanstack/react-query';
import { api, ApiError, unwrap } from './client';
import type { FlowSpec, Plan } from './client';
import type { paths } from './schema';

/* Lists are asked again every two seconds, so that what happens on the highway shows without a reload. */
export const POLL_MS = 2000;

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      networkMode: 'always',
      staleTime: 1000,
      refetchOnWindowFocus: true,
      retry: (count, error) => !(error instanceof ApiError) && count < 1,
      retryDelay: 300,
    },
    mutations: { networkMode: 'always' },
  },
});

export type TopicSort = NonNullable<NonNullable<paths['/v1/topics']['get']['parameters']['query']>['sort']>;

export const infoQuery = queryOptions({
  queryKey: ['info'],
  queryFn: ({ signal }) => unwrap(api.GET('/v1/info', { signal })),
  staleTime: 60_000,
});

export const topicsQuery = (q: string, sort: TopicSort, internal: boolean) =>
  infiniteQueryOptions({
    queryKey: ['topics', { q, sort, internal }],
    queryFn: ({ signal, pageParam }) =>
      unwrap(
        api.GET('/v1/topics', {
          params: { query: { q: q || undefined, sort, internal: internal || undefined, limit: 500, cursor: pageParam ?? undefined } },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor,
    placeholderData: keepPreviousData,
    /* Every page that was scrolled to is asked again, so a long list goes slower. */
    refetchInterval: (query) => ((query.state.data?.pages.length ?? 0) > 2 ? 5 * POLL_MS : POLL_MS),
  });

export const topicQuery = (topic: string) =>
  queryOptions({
    queryKey: ['topic', topic],
    queryFn: ({ signal }) => unwrap(api.GET('/v1/topics/{topic}', { params: { path: { topic } }, signal })),
    refetchInterval: POLL_MS,
  });

export const sampleQuery = (topic: string, limit: number) =>
  queryOptions({
    queryKey: ['sample', topic, limit],
    queryFn: ({ signal }) =>
      unwrap(api.GET('/v1/topics/{topic}/sample', { params: { path: { topic }, query: { limit } }, signal })),
    placeholderData: keepPreviousData,
  });

export const flowsQuery = (topic?: string) =>
  queryOptions({
    queryKey: ['flows', topic ?? null],
    queryFn: ({ signal }) => unwrap(api.GET('/v1/flows', { params: { query: { topic, limit: 500 } }, signal })),
    refetchInterval: POLL_MS,
  });

export const flowQuery = (flow: string) =>
  queryOptions({
    queryKey: ['flow', flow],
    queryFn: ({ signal }) => unwrap(api.GET('/v1/flows/{flow}', { params: { path: { flow } }, signal })),
    /* Until the first row is there people watch the clock. */
    refetchInterval: (query) => (query.state.data?.steps.every((s) => s.state === 'done') ? POLL_MS : 500),
  });

export const planQuery = (flow: string, spec: FlowSpec, enabled: boolean) =>
  queryOptions({
    queryKey: ['plan', flow, spec],
    queryFn: async ({ signal }) =>
      (await unwrap(
        api.PUT('/v1/flows/{flow}', { params: { path: { flow }, query: { dry_run: 'all' } }, body: spec, signal }),
      )) as Plan,
    enabled,
    placeholderData: keepPreviousData,
    staleTime: 10_000,
    gcTime: 30_000,
  });

export const tablesQuery = queryOptions({
  queryKey: ['tables'],
  queryFn: ({ signal }) => unwrap(api.GET('/v1/tables', { params: { query: { limit: 500 } }, signal })),
  refetchInterval: POLL_MS,
});

export const tableQuery = (table: string) =>
  queryOptions({
    queryKey: ['table', table],
    queryFn: ({ signal }) => unwrap(api.GET('/v1/tables/{table}', { params: { path: { table } }, signal })),
  });

export const sqlQuery = (sql: string, run: number) =>
  queryOptions({
    queryKey: ['sql', sql, run],
    queryFn: ({ signal }) => unwrap(api.POST('/v1/sql', { body: { sql }, signal })),
    enabled: run > 0 && sql.trim() !== '',
    staleTime: Infinity,
    gcTime: 60_000,
    retry: false,
    refetchOnWindowFocus: false,
  });
