/* The small parts every page uses. */
import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import type { ButtonHTMLAttributes, ReactNode, RefObject } from 'react';
import { problemOf } from '../api/client';
import type { FlowStatus } from '../api/client';
import { POLL_MS } from '../api/queries';
import { clock, humanAge, humanDuration, instant } from '../lib/format';
import { useNow } from '../lib/now';
import { usePrefs } from '../lib/prefs';
import { Icon } from './icons';
import type { IconName } from './icons';
import css from './ui.module.css';

export function cx(...names: (string | false | undefined | null)[]): string {
  return names.filter(Boolean).join(' ');
}

interface Look {
  look?: 'accent' | 'quiet' | 'danger';
  size?: 'small' | 'large';
  iconOnly?: boolean;
}
export function buttonClass({ look, size, iconOnly }: Look = {}): string {
  return cx(css.button, look && css[look], size && css[size], iconOnly && css.icon);
}

/* Disabled buttons stay focusable and say why. */
export function Button({
  look,
  size,
  iconOnly,
  icon,
  why,
  children,
  onClick,
  ...rest
}: Look & { icon?: IconName; why?: string | null } & ButtonHTMLAttributes<HTMLButtonElement>) {
  return (
    <button
      type="button"
      className={buttonClass({ look, size, iconOnly })}
      aria-disabled={why ? true : undefined}
      title={why ?? undefined}
      onClick={why ? (event) => event.preventDefault() : onClick}
      {...rest}
    >
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

const STATES: Record<FlowStatus['state'], { word: string; tone: keyof typeof css; icon: IconName }> = {
  flowing: { word: 'Flowing', tone: 'ok', icon: 'check' },
  catching_up: { word: 'Catching up', tone: 'busy', icon: 'up' },
  waiting: { word: 'Waiting for data', tone: 'idle', icon: 'clock' },
  paused: { word: 'Paused', tone: 'warnTone', icon: 'pause' },
  failing: { word: 'Failing', tone: 'bad', icon: 'warn' },
  unknown: { word: 'Unknown', tone: 'idle', icon: 'question' },
};
export const STATE_ORDER: FlowStatus['state'][] = ['failing', 'unknown', 'catching_up', 'paused', 'waiting', 'flowing'];

export function stateWord(state: FlowStatus['state']): string {
  return (STATES[state] ?? STATES.unknown).word;
}

/* Icon, word and colour: never colour alone. */
export function StatusPill({ status }: { status: FlowStatus }) {
  const look = STATES[status.state] ?? STATES.unknown;
  return (
    <span className={cx(css.pill, css[look.tone])} title={status.why}>
      <Icon name={look.icon} />
      {look.word}
    </span>
  );
}

/* "3 min ago", with the exact instant on hover and for machines. */
export function Ago({ at, none = 'never' }: { at: string | null | undefined; none?: string }) {
  const now = useNow();
  const { zone } = usePrefs();
  if (!at) return <span>{none}</span>;
  const date = new Date(at);
  return (
    <time dateTime={at} title={instant(date, zone)}>
      {humanAge(date.getTime(), now)}
    </time>
  );
}

/* "for 3 min": how long something has been so. */
export function For({ since }: { since: string }) {
  const now = useNow();
  const { zone } = usePrefs();
  const date = new Date(since);
  const ms = Math.max(now - date.getTime(), 0);
  return (
    <time dateTime={since} title={`since ${instant(date, zone)}`}>
      for {humanDuration(ms < 60_000 ? Math.max(Math.floor(ms / 1000), 1) * 1000 : Math.floor(ms / 60_000) * 60_000).replace('.0 s', ' s')}
    </time>
  );
}

export function At({ at }: { at: string }) {
  const { zone } = usePrefs();
  const now = useNow();
  const date = new Date(at);
  return (
    <time dateTime={at} title={humanAge(date.getTime(), now)}>
      {instant(date, zone)}
    </time>
  );
}

/* Age of what is shown: "live", or "as of" in grey once two refreshes were missed. */
export function AsOf({ updatedAt, every = POLL_MS }: { updatedAt: number; every?: number }) {
  const now = useNow();
  const { zone } = usePrefs();
  if (updatedAt === 0) return null;
  const old = now - updatedAt > every * 2 + 1500;
  return (
    <span className={css.asOf} data-old={old}>
      <span className={css.liveDot} />
      {old ? `as of ${clock(new Date(updatedAt), zone)}` : 'live'}
    </span>
  );
}

export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    /* Not a secure context (http on another machine): the old way still works. */
    const area = document.createElement('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}

export function CopyButton({ text, label, words, look = 'quiet', size = 'small' }: Look & { text: string | (() => string); label: string; words?: string }) {
  const [done, setDone] = useState<'yes' | 'no' | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async () => {
    setDone((await copyText(typeof text === 'string' ? text : text())) ? 'yes' : 'no');
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setDone(null), 1600);
  };
  return (
    <>
      <Button look={look} size={size} iconOnly={!words} icon={done === 'yes' ? 'check' : 'copy'} aria-label={words ? undefined : label} title={label} onClick={() => void copy()}>
        {words && (done === 'yes' ? 'Copied' : done === 'no' ? 'Select and copy by hand' : words)}
      </Button>
      <span className="sr-only" role="status">
        {done === 'yes' ? 'Copied' : ''}
      </span>
    </>
  );
}

export function Command({ text, label }: { text: string; label: string }) {
  return (
    <div className={css.command}>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- long lines scroll, the keyboard must reach that */}
      <pre tabIndex={0} role="group" aria-label={label}>
        {text}
      </pre>
      <CopyButton text={text} label={`Copy: ${label}`} />
    </div>
  );
}

export function Empty({ children }: { children: ReactNode }) {
  return <div className={css.empty}>{children}</div>;
}

/* A fault with what to do about it. */
export function Fault({ error, what, onRetry }: { error: unknown; what: string; onRetry?: () => void }) {
  const problem = problemOf(error);
  return (
    <div className={css.error} role="alert">
      <Icon name="warn" />
      <div className={css.errorBody}>
        <strong>
          {what}: {problem.detail}
        </strong>
        {problem.errors?.map((e) => (
          <p key={e.pointer + e.detail}>
            {e.detail} {e.hint}
          </p>
        ))}
        {problem.hint && <p>{problem.hint}</p>}
        {onRetry && (
          <Button size="small" icon="restart" onClick={onRetry}>
            Try again
          </Button>
        )}
      </div>
    </div>
  );
}

export function Notice({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className={css.error} role="alert">
      <Icon name="warn" />
      <div className={css.errorBody}>
        <strong>{title}</strong>
        {children}
      </div>
    </div>
  );
}

export function Skeleton({ width, height = 16 }: { width: number | string; height?: number }) {
  return <div className={css.skeleton} style={{ width, height }} aria-hidden="true" />;
}

export function Segmented<T extends string>({ label, value, options, onChange }: {
  label: string;
  value: T;
  options: { value: T; label: ReactNode; title?: string }[];
  onChange: (value: T) => void;
}) {
  return (
    <div className={css.segmented} role="group" aria-label={label}>
      {options.map((option) => (
        <button key={option.value} type="button" aria-pressed={option.value === value} aria-label={option.title} title={option.title} onClick={() => onChange(option.value)}>
          {option.label}
        </button>
      ))}
    </div>
  );
}

/* `/` focuses it, Escape clears it, Enter or the arrow down goes on to the first row. */
export function SearchBox({ value, onChange, label, inputRef }: {
  value: string;
  onChange: (value: string) => void;
  label: string;
  inputRef: RefObject<HTMLInputElement | null>;
}) {
  return (
    <div className={css.search}>
      <Icon name="search" />
      <input
        ref={inputRef}
        type="search"
        value={value}
        aria-label={label}
        placeholder={label}
        spellCheck={false}
        autoComplete="off"
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter' || event.key === 'ArrowDown') {
            event.preventDefault();
            document.querySelector<HTMLElement>('a[data-row]')?.focus();
          }
          if (event.key !== 'Escape') return;
          event.preventDefault();
          if (value) onChange('');
          else event.currentTarget.blur();
        }}
      />
      <kbd aria-hidden="true">/</kbd>
    </div>
  );
}

/* One message about something that happened elsewhere, with at most one thing to do about it. */
interface Toast {
  text: string;
  action?: { label: string; run: () => void };
}
let toast: Toast | null = null;
let toastTimer: ReturnType<typeof setTimeout> | undefined;
const toastListeners = new Set<() => void>();
export function showToast(next: Toast | null) {
  toast = next;
  clearTimeout(toastTimer);
  if (next) toastTimer = setTimeout(() => showToast(null), next.action ? 15_000 : 5000);
  for (const listener of toastListeners) listener();
}
export function Toaster() {
  const shown = useSyncExternalStore(
    (listener) => {
      toastListeners.add(listener);
      return () => void toastListeners.delete(listener);
    },
    () => toast,
  );
  return (
    <div role="status">
      {shown && (
        <div className={css.toast}>
          <span>{shown.text}</span>
          {shown.action && (
            <Button
              size="small"
              onClick={() => {
                const run = shown.action!.run;
                showToast(null);
                run();
              }}
            >
              {shown.action.label}
            </Button>
          )}
          <Button look="quiet" size="small" iconOnly icon="close" aria-label="Close the message" onClick={() => showToast(null)} />
        </div>
      )}
    </div>
  );
}
