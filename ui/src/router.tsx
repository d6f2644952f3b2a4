import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router';
import type { TopicSort } from './api/queries';
import { Shell } from './components/Shell';
import { Fault } from './components/ui';
import { Home } from './pages/Home';
import { NotFound } from './pages/NotFound';

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
const SORTS: TopicSort[] = ['name', '-name', 'messages', '-messages', 'messages_per_minute', '-messages_per_minute', 'last_event_at', '-last_event_at'];

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });
const home = createRoute({ getParentRoute: () => root, path: '/', component: Home });
const topics = createRoute({
  getParentRoute: () => root,
  path: '/topics',
  validateSearch: (search: Record<string, unknown>): { q?: string; sort?: TopicSort; internal?: 'true' } => ({
    q: text(search.q),
    sort: SORTS.find((s) => s === search.sort && s !== 'name'),
    internal: search.internal === 'true' ? 'true' : undefined,
  }),
  component: lazyRouteComponent(() => import('./pages/Topics'), 'Topics'),
});
const topic = createRoute({
  getParentRoute: () => root,
  path: '/topics/$topic',
  validateSearch: (search: Record<string, unknown>): { at?: string; tab?: 'events' | 'details' | 'code' } => ({
    at: text(search.at),
    tab: search.tab === 'details' || search.tab === 'code' ? search.tab : undefined,
  }),
  component: lazyRouteComponent(() => import('./pages/Topic'), 'TopicPage'),
});
const flows = createRoute({
  getParentRoute: () => root,
  path: '/flows',
  validateSearch: (search: Record<string, unknown>): { q?: string } => ({ q: text(search.q) }),
  component: lazyRouteComponent(() => import('./pages/Flows'), 'Flows'),
});
const flowNew = createRoute({
  getParentRoute: () => root,
  path: '/flows/new',
  validateSearch: (search: Record<string, unknown>): { topic?: string } => ({ topic: text(search.topic) }),
  component: lazyRouteComponent(() => import('./pages/FlowNew'), 'FlowNew'),
});
const flow = createRoute({
  getParentRoute: () => root,
  path: '/flows/$flow',
  component: lazyRouteComponent(() => import('./pages/Flow'), 'FlowPage'),
});
const tables = createRoute({
  getParentRoute: () => root,
  path: '/tables',
  validateSearch: (search: Record<string, unknown>): { q?: string } => ({ q: text(search.q) }),
  component: lazyRouteComponent(() => import('./pages/Tables'), 'Tables'),
});
const sql = createRoute({
  getParentRoute: () => root,
  path: '/sql',
  validateSearch: (search: Record<string, unknown>): { q?: string } => ({ q: text(search.q) }),
  component: lazyRouteComponent(() => import('./pages/Sql'), 'Sql'),
});

export const router = createRouter({
  routeTree: root.addChildren([home, topics, topic, flows, flowNew, flow, tables, sql]),
  defaultPreload: 'intent',
  scrollRestoration: true,
  scrollToTopSelectors: ['#content'],
  defaultErrorComponent: ({ error }) => <Fault error={error} what="This page broke" />,
  /* Addresses read like any web address: ?q=select+1, not JSON. */
  parseSearch: (search) => Object.fromEntries(new URLSearchParams(search)),
  stringifySearch: (search) => {
    const pairs = Object.entries(search).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)]]));
    return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs).toString()}`;
  },
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
