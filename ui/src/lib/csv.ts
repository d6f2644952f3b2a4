export type Cell = string | number | boolean | null;

function csvField(value: Cell): string {
  if (value === null) return '';
  const text = String(value);
  /* An empty string is quoted, so that it differs from null. */
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/* RFC 4180. Values are the texts the API gave, so 64-bit numbers stay exact. */
export function toCsv(columns: { name: string }[], rows: Cell[][]): string {
  return [columns.map((c) => c.name), ...rows].map((row) => `${row.map(csvField).join(',')}\r\n`).join('');
}

/* For the clipboard: spreadsheets take tabs. */
export function toTsv(columns: { name: string }[], rows: Cell[][]): string {
  return [columns.map((c) => c.name), ...rows]
    .map((row) => row.map((v) => (v === null ? '' : String(v).replace(/[\t\r\n]+/g, ' '))).join('\t'))
    .join('\n');
}
