import type { RefObject } from 'react';
import { useKeys } from './keys';

function move(step: number) {
  const rows = [...document.querySelectorAll<HTMLElement>('a[data-row]')];
  const at = rows.indexOf(document.activeElement as HTMLElement);
  rows[Math.min(Math.max(at + step, 0), rows.length - 1)]?.focus();
}

/* Keys of a plain list: `/` goes to the filter, j and k (or the arrows) walk the links marked data-row. */
export function useRowKeys(search?: RefObject<HTMLInputElement | null>) {
  useKeys({
    '/': () => search?.current?.focus(),
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
  });
}
