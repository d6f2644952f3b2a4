import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useMemo, useRef } from 'react';
import type { Cell } from '../lib/csv';
import { sqlTime } from '../lib/format';
import { useKeys } from '../lib/keys';
import { usePrefs } from '../lib/prefs';
import css from './DataGrid.module.css';

export interface GridColumn {
  name: string;
  type?: string;
}

const ROW = 32;
const NUMERIC = /INT|DECIMAL|FLOAT|DOUBLE|REAL|NUMERIC|^number$/i;
const TIME = /TIMESTAMP/i;

/* Wide enough for the head and most of the first rows, never so wide that one column is all one sees. */
function widthOf(column: GridColumn, index: number, rows: Cell[][]): number {
  let longest = Math.max(column.name.length, (column.type ?? '').length * 0.85) + 1;
  for (const row of rows.slice(0, 60)) longest = Math.max(longest, String(row[index] ?? '').length);
  return Math.round(Math.min(Math.max(longest * 7.4 + 26, 72), 380));
}

/* Rows as they came. Only those in sight are in the page. j, k, the arrows and Enter work when onOpen is given. */
export function DataGrid({ columns, rows, label, rowKey, openKey, onOpen, maxHeight = 520 }: {
  columns: GridColumn[];
  rows: Cell[][];
  label: string;
  rowKey?: (index: number) => string;
  openKey?: string | null;
  onOpen?: (index: number) => void;
  maxHeight?: number;
}) {
  const scroller = useRef<HTMLDivElement>(null);
  const { zone } = usePrefs();
  const widths = useMemo(() => columns.map((c, i) => widthOf(c, i, rows)), [columns, rows]);
  const template = widths.map((w, i) => (i === widths.length - 1 ? `minmax(${w}px, 1fr)` : `${w}px`)).join(' ');
  const minWidth = widths.reduce((a, b) => a + b, 0);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 12,
    paddingStart: 0,
  });

  const openIndex = openKey && rowKey ? rows.findIndex((_, i) => rowKey(i) === openKey) : -1;
  const move = (step: number) => {
    if (!onOpen || rows.length === 0) return;
    const focused = document.activeElement?.getAttribute('data-row');
    const from = focused ? Number(focused) : openIndex;
    const next = Math.min(Math.max(from + step, 0), rows.length - 1);
    virtual.scrollToIndex(next);
    if (openIndex >= 0) onOpen(next);
    requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-row="${next}"]`)?.focus({ preventScroll: true }));
  };
  useKeys(
    onOpen ? { j: () => move(1), k: () => move(-1), ArrowDown: () => move(1), ArrowUp: () => move(-1) } : {},
  );
  useEffect(() => {
    if (openIndex >= 0) virtual.scrollToIndex(openIndex);
    // oxlint-disable-next-line react-hooks/exhaustive-deps -- only when another row is opened
  }, [openKey]);

  return (
    /* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls, the keyboard must reach that */
    <div className={css.scroller} ref={scroller} style={{ maxHeight }} tabIndex={onOpen ? undefined : 0} role="region" aria-label={label}>
      <div role="table" aria-label={label} aria-rowcount={rows.length + 1} aria-colcount={columns.length} style={{ minWidth }}>
        <div role="rowgroup" className={css.head}>
          <div role="row" aria-rowindex={1} className={css.row} style={{ gridTemplateColumns: template }}>
            {columns.map((column, i) => (
              <div role="columnheader" key={`${column.name}${i}`} className={css.cell} data-number={NUMERIC.test(column.type ?? '')}>
                <span title={column.name}>{column.name}</span>
                {column.type && (
                  <small title={column.type}>{column.type.toLowerCase().replace('timestamp with time zone', 'timestamptz')}</small>
                )}
              </div>
            ))}
          </div>
        </div>
        <div role="rowgroup" className={css.body} style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const row = rows[item.index]!;
            return (
              <div
                role="row"
                key={rowKey ? rowKey(item.index) : item.index}
                aria-rowindex={item.index + 2}
                className={css.row}
                data-row={item.index}
                data-open={item.index === openIndex}
                data-clickable={onOpen ? true : undefined}
                tabIndex={onOpen ? (item.index === Math.max(openIndex, 0) ? 0 : -1) : undefined}
                style={{ gridTemplateColumns: template, transform: `translateY(${item.start}px)` }}
                onClick={onOpen && (() => onOpen(item.index))}
                onKeyDown={
                  onOpen &&
                  ((event) => {
                    if (event.key === 'Enter') onOpen(item.index);
                  })
                }
              >
                {row.map((value, i) => {
                  const column = columns[i]!;
                  const text = value === null ? 'null' : TIME.test(column.type ?? '') ? sqlTime(String(value), zone) : String(value);
                  return (
                    <div role="cell" key={i} className={css.cell} data-number={NUMERIC.test(column.type ?? '')} data-null={value === null} title={text.length > 40 ? text.slice(0, 1000) : undefined}>
                      {text.slice(0, 400)}
                    </div>
                  );
                })}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}
