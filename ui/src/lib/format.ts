/* Numbers and times for people. Counts come as decimal text of up to 64 bits, so nothing here goes through a double before it is rounded on purpose. */
export type Zone = 'local' | 'utc';

/* 12345678 → 12,345,678, by text. */
export function groupDigits(digits: string | number): string {
  const text = String(digits);
  const found = /^(-?)(\d+)(.*)$/.exec(text);
  if (!found) return text;
  return found[1] + found[2]!.replace(/\B(?=(\d{3})+$)/g, ',') + found[3];
}

const SCALES = [
  { size: 1e12, unit: 'T' },
  { size: 1e9, unit: 'G' },
  { size: 1e6, unit: 'M' },
  { size: 1e3, unit: 'k' },
];

/* Up to 9,999 exactly, then three figures and a unit. */
export function humanCount(value: string | number): string {
  const number = Number(value);
  if (!Number.isFinite(number)) return String(value);
  if (Math.abs(number) < 10_000) return groupDigits(Number.isInteger(number) ? number : number.toFixed(1));
  const scale = SCALES.find((s) => Math.abs(number) >= s.size * 0.9995) ?? SCALES[3]!;
  const scaled = number / scale.size;
  return `${scaled.toFixed(Math.abs(scaled) < 99.95 ? 1 : 0)}${scale.unit}`;
}

/* A rate: 0, 0.4, 12, 1,200, 12.4k. */
export function humanRate(value: number): string {
  if (value === 0) return '0';
  if (value < 0.1) return '< 0.1';
  return value < 10 ? value.toFixed(1) : humanCount(Math.round(value));
}

export function humanBytes(value: string | number): string {
  const number = Number(value);
  if (number < 1024) return `${number} B`;
  const units = ['KB', 'MB', 'GB', 'TB', 'PB'];
  let scaled = number / 1024;
  let unit = 0;
  while (scaled >= 1023.95 && unit < units.length - 1) {
    scaled /= 1024;
    unit++;
  }
  return `${scaled.toFixed(scaled < 99.95 ? 1 : 0)} ${units[unit]}`;
}

export function plural(count: string | number, one: string, many = `${one}s`): string {
  return `${groupDigits(count)} ${String(count) === '1' ? one : many}`;
}

function two(big: number, bigUnit: string, small: number, smallUnit: string): string {
  return small > 0 ? `${big} ${bigUnit} ${small} ${smallUnit}` : `${big} ${bigUnit}`;
}

/* How long, in at most two units: 850 ms, 4.2 s, 3 min 20 s, 2 h 5 min, 3 d 4 h. */
export function humanDuration(ms: number): string {
  if (ms < 0) ms = 0;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return two(Math.floor(seconds / 60), 'min', seconds % 60, 's');
  const minutes = Math.floor(seconds / 60);
  if (minutes < 24 * 60) return two(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  const hours = Math.floor(minutes / 60);
  return two(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

export function humanAge(then: number, now: number): string {
  const seconds = Math.floor((now - then) / 1000);
  if (seconds < 1) return 'just now';
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

const pad = (n: number, width = 2) => String(n).padStart(width, '0');

/* ISO order, 24 hours, milliseconds, zone: 2026-11-23 14:02:11.123 UTC. */
export function instant(date: Date, zone: Zone): string {
  if (Number.isNaN(date.getTime())) return 'unknown time';
  if (zone === 'utc') return `${date.toISOString().slice(0, 23).replace('T', ' ')} UTC`;
  const offset = -date.getTimezoneOffset();
  const sign = offset < 0 ? '-' : '+';
  const hours = pad(Math.floor(Math.abs(offset) / 60));
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${clock(date, zone)}.${pad(
    date.getMilliseconds(),
    3,
  )} UTC${sign}${hours}:${pad(Math.abs(offset) % 60)}`;
}

export function clock(date: Date, zone: Zone): string {
  return zone === 'utc'
    ? date.toISOString().slice(11, 19)
    : `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}

/* A SQL timestamp in the chosen zone; the fraction keeps its digits (microseconds do not fit a Date). */
export function sqlTime(text: string, zone: Zone): string {
  const found = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d+)?(Z|\+00(?::?00)?)$/.exec(text);
  if (!found) return text;
  const fraction = (found[3] ?? '').replace(/\.?0+$/, '');
  if (zone === 'utc') return `${found[1]} ${found[2]}${fraction}`;
  const date = new Date(`${found[1]}T${found[2]}Z`);
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${clock(date, zone)}${fraction}`;
}
