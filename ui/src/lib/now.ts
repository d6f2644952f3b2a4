import { useSyncExternalStore } from 'react';

/* One clock for all ages on the page; it stops when nothing listens. */
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
let second = Math.floor(Date.now() / 1000);

function subscribe(listener: () => void) {
  listeners.add(listener);
  timer ??= setInterval(() => {
    second = Math.floor(Date.now() / 1000);
    for (const each of listeners) each();
  }, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

export function useNow(): number {
  /* The newest of the tick and the truth: a component mounted between ticks must not see the past. */
  useSyncExternalStore(subscribe, () => second);
  return Date.now();
}
