import { useEffect, useRef } from 'react';

/* Single-key shortcuts. None fires while the person types, in a dialog, or with a modifier held. */
function typing(event: KeyboardEvent): boolean {
  const target = event.composedPath()[0];
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement ||
      (target instanceof HTMLInputElement && !['checkbox', 'radio', 'button', 'submit'].includes(target.type)))
  );
}

type Handler = (event: KeyboardEvent) => void;

export function useKeys(keys: Record<string, Handler>) {
  const latest = useRef(keys);
  useEffect(() => {
    latest.current = keys;
  });
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event)) return;
      if (document.querySelector('dialog[open]')) return;
      const handler = latest.current[event.key];
      if (!handler) return;
      event.preventDefault();
      handler(event);
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
}

/* `g` and then a letter within a second. */
export function useGoKeys(targets: Record<string, () => void>) {
  const armedAt = useRef(0);
  const keys: Record<string, Handler> = { g: () => void (armedAt.current = Date.now()) };
  useKeys(keys);
  const latest = useRef(targets);
  useEffect(() => {
    latest.current = targets;
  });
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || typing(event) || Date.now() - armedAt.current > 1000) return;
      const go = latest.current[event.key];
      if (!go) return;
      armedAt.current = 0;
      event.preventDefault();
      event.stopImmediatePropagation();
      go();
    };
    addEventListener('keydown', onKey, true);
    return () => removeEventListener('keydown', onKey, true);
  }, []);
}

export const commandKey = /Mac|iPhone|iPad/.test(navigator.userAgent) ? '⌘' : 'Ctrl';
