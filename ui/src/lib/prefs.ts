import { useSyncExternalStore } from 'react';
import type { Zone } from './format';

/* Choices that follow the person, not the page: kept in localStorage, shared between tabs. */
export type Theme = 'system' | 'light' | 'dark';
interface Prefs {
  theme: Theme;
  zone: Zone;
}

const KEY = 'dmv.prefs';
const listeners = new Set<() => void>();
let prefs = load();

function load(): Prefs {
  const fallback: Prefs = { theme: 'system', zone: 'local' };
  try {
    const stored = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Prefs>;
    return {
      theme: stored.theme === 'light' || stored.theme === 'dark' ? stored.theme : 'system',
      zone: stored.zone === 'utc' ? 'utc' : 'local',
    };
  } catch {
    return fallback;
  }
}

function apply() {
  if (prefs.theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = prefs.theme;
  for (const listener of listeners) listener();
}

export function setPrefs(change: Partial<Prefs>) {
  prefs = { ...prefs, ...change };
  try {
    localStorage.setItem(KEY, JSON.stringify(prefs));
  } catch {
    /* private window without storage: the choice lasts until reload */
  }
  apply();
}

export function initPrefs() {
  addEventListener('storage', (event) => {
    if (event.key === KEY) {
      prefs = load();
      apply();
    }
  });
  apply();
}

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => void listeners.delete(listener);
};

export function usePrefs(): Prefs {
  return useSyncExternalStore(subscribe, () => prefs);
}
