/* 16 px, 1.5 stroke. Decoration only: the words beside them carry the meaning. */
const PATHS = {
  home: 'M2.5 7.2 8 2.5l5.5 4.7V13a.5.5 0 0 1-.5.5H9.8V9.7H6.2v3.8H3a.5.5 0 0 1-.5-.5z',
  topics: 'M2.5 4h11M2.5 8h11M2.5 12h7',
  flows: 'M2.5 4.5h3.2c3 0 1.6 7 4.6 7h3.2M11 9l2.5 2.5L11 14',
  tables: 'M2.5 3h11v10h-11zM2.5 6.5h11M6.5 6.5V13',
  sql: 'm3 5 3 3-3 3M8 11.5h5',
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zm3.7-1.3 3.3 3.3',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  check: 'm3 8.5 3.2 3.2L13 5',
  close: 'm4 4 8 8M12 4l-8 8',
  up: 'M8 13V3M4 7l4-4 4 4',
  down: 'M8 3v10M4 9l4 4 4-4',
  play: 'M5 3v10l8-5z',
  pause: 'M5.5 3v10M10.5 3v10',
  restart: 'M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3',
  trash: 'M3 4.5h10M6.5 4.5v-2h3v2M4.5 4.5l.5 9h6l.5-9',
  sun: 'M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9',
  moon: 'M13.2 9.7A5.7 5.7 0 0 1 6.3 2.8a5.7 5.7 0 1 0 6.9 6.9z',
  screen: 'M2 3h12v8H2zM6 13.5h4',
  warn: 'M8 2.2 14.3 13H1.7zM8 6.5v3M8 11.3v.2',
  clock: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 4.8V8l2.2 1.5',
  question: 'M5.8 6a2.2 2.2 0 1 1 3.3 1.9c-.7.4-1.1.8-1.1 1.6M8 12.2v.2',
  right: 'm6 3.5 4.5 4.5L6 12.5',
  download: 'M8 2.5v7.5M4.5 7 8 10.5 11.5 7M3 13.5h10',
  menu: 'M2.5 4h11M2.5 8h11M2.5 12h11',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg width="16" height="16" viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round"
      strokeLinejoin="round" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

/* The guide-sign mark. */
export function Mark() {
  return (
    <svg width="22" height="22" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <rect x="1" y="1" width="22" height="22" rx="5" fill="var(--sign)" />
      <path d="M8 19 10.5 5M16 19 13.5 5" stroke="#fff" strokeWidth="2" strokeLinecap="round" />
      <path d="M12 6v2.5M12 11v2.5M12 16v2.5" stroke="#fff" strokeWidth="1.6" strokeLinecap="round" />
    </svg>
  );
}
