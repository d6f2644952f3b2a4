import { useQuery } from '@tanstack/react-query';
import { Link, Outlet, useNavigate, useRouterState } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, useRef, useState } from 'react';
import { useLostSince } from '../api/client';
import { infoQuery, queryClient } from '../api/queries';
import { commandKey, useGoKeys, useKeys } from '../lib/keys';
import { clock } from '../lib/format';
import { setPrefs, usePrefs } from '../lib/prefs';
import type { Theme } from '../lib/prefs';
import { Icon, Mark } from './icons';
import type { IconName } from './icons';
import css from './Shell.module.css';
import { Button, Segmented, Toaster } from './ui';

const Palette = lazy(() => import('./Palette'));
const Shortcuts = lazy(() => import('./Shortcuts'));

const NAV: { to: '/' | '/topics' | '/flows' | '/tables' | '/sql'; label: string; icon: IconName; key: string }[] = [
  { to: '/', label: 'Home', icon: 'home', key: 'h' },
  { to: '/topics', label: 'Topics', icon: 'topics', key: 't' },
  { to: '/flows', label: 'Flows', icon: 'flows', key: 'f' },
  { to: '/tables', label: 'Tables', icon: 'tables', key: 'b' },
  { to: '/sql', label: 'SQL', icon: 'sql', key: 's' },
];

function Crumbs({ path }: { path: string }) {
  const parts = path.split('/').filter(Boolean);
  const section = NAV.find((n) => n.to === `/${parts[0]}`);
  const leaf = parts[1] === undefined ? null : parts[0] === 'flows' && parts[1] === 'new' ? 'New flow' : decodeURIComponent(parts[1]);
  return (
    <nav className={css.crumbs} aria-label="Breadcrumb">
      <ol>
        {!section ? (
          <li>
            <span aria-current="page">{parts.length === 0 ? 'Home' : 'Not found'}</span>
          </li>
        ) : leaf === null ? (
          <li>
            <span aria-current="page">{section.label}</span>
          </li>
        ) : (
          <>
            <li>
              <Link to={section.to}>{section.label}</Link>
              <Icon name="right" />
            </li>
            <li>
              <span aria-current="page" title={leaf}>
                {leaf}
              </span>
            </li>
          </>
        )}
      </ol>
    </nav>
  );
}

/* While the API is away its return is looked for every two seconds; then everything on the page is asked again. */
function ConnectionNotice() {
  const lostSince = useLostSince();
  const { zone } = usePrefs();
  const was = useRef(false);
  useQuery({ ...infoQuery, refetchInterval: lostSince === null ? 4000 : 2000, staleTime: 0 });
  useEffect(() => {
    if (was.current && lostSince === null) void queryClient.invalidateQueries();
    was.current = lostSince !== null;
  }, [lostSince]);
  return (
    <div role="status">
      {lostSince !== null && (
        <div className={css.lost}>
          <Icon name="warn" />
          No answer from the highway since {clock(new Date(lostSince), zone)}. What you see is from before; trying again every two seconds.
        </div>
      )}
    </div>
  );
}

export function Shell() {
  const navigate = useNavigate();
  const path = useRouterState({ select: (s) => s.location.pathname });
  const prefs = usePrefs();
  const info = useQuery(infoQuery).data;
  const [open, setOpen] = useState<'palette' | 'shortcuts' | null>(null);
  const main = useRef<HTMLElement>(null);
  const firstPath = useRef(true);

  /* A new page is read from its top: focus goes to the content, as after a full load. */
  useEffect(() => {
    if (firstPath.current) firstPath.current = false;
    else if (!main.current?.contains(document.activeElement)) main.current?.focus({ preventScroll: true });
  }, [path]);

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        setOpen((now) => (now === 'palette' ? null : 'palette'));
      }
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  useKeys({ '?': () => setOpen('shortcuts') });
  useGoKeys({
    ...Object.fromEntries(NAV.map((n) => [n.key, () => void navigate({ to: n.to })])),
    n: () => void navigate({ to: '/flows/new' }),
  });

  const production = /prod|live/i.test(info?.environment ?? '');
  const themes: { value: Theme; label: React.ReactNode; title: string }[] = [
    { value: 'system', label: <Icon name="screen" />, title: 'Theme of the system' },
    { value: 'light', label: <Icon name="sun" />, title: 'Light theme' },
    { value: 'dark', label: <Icon name="moon" />, title: 'Dark theme' },
  ];
  return (
    <div className={css.frame}>
      <a className={css.skip} href="#content">
        Skip to the content
      </a>
      <nav className={css.rail} aria-label="Main">
        <Link to="/" className={css.brand} tabIndex={-1} aria-hidden="true">
          <Mark />
          Data Highway
        </Link>
        {NAV.map((n) => {
          return (
            <Link key={n.to} to={n.to} className={css.item} activeOptions={{ exact: n.to === '/', includeSearch: false }} activeProps={{}}>
              <Icon name={n.icon} />
              {n.label}
              <kbd aria-hidden="true">g {n.key}</kbd>
            </Link>
          );
        })}
        <div className={css.foot}>{info && `Version ${info.version}`}</div>
      </nav>
      <header className={css.bar}>
        <Crumbs path={path} />
        <button type="button" className={css.find} onClick={() => setOpen('palette')} aria-keyshortcuts="Control+K Meta+K">
          <Icon name="search" />
          <span>Find…</span>
          <kbd aria-hidden="true">{commandKey} K</kbd>
        </button>
        {info && (
          <span className={css.env} data-production={production} title="Name of this installation">
            {info.environment} environment
          </span>
        )}
        <Segmented
          label="Time zone"
          value={prefs.zone}
          options={[
            { value: 'local', label: 'Local' },
            { value: 'utc', label: 'UTC' },
          ]}
          onChange={(zone) => setPrefs({ zone })}
        />
        <Segmented label="Theme" value={prefs.theme} options={themes} onChange={(theme) => setPrefs({ theme })} />
        <Button look="quiet" iconOnly icon="question" aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)" onClick={() => setOpen('shortcuts')} />
      </header>
      <main className={css.main} id="content" data-scroll-restoration-id="content" tabIndex={-1} ref={main}>
        <ConnectionNotice />
        <Outlet />
      </main>
      <Toaster />
      <Suspense>
        {open === 'palette' && <Palette onClose={() => setOpen(null)} onShortcuts={() => setOpen('shortcuts')} />}
        {open === 'shortcuts' && <Shortcuts onClose={() => setOpen(null)} />}
      </Suspense>
    </div>
  );
}
