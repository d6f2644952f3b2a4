import { useEffect, useRef } from 'react';
import type { ReactNode } from 'react';
import css from './Dialog.module.css';
import { cx } from './ui';

/* The browser's own modal: it keeps focus inside, closes by Escape and gives focus back. */
export function Dialog({ label, wide, onClose, children }: { label: string; wide?: boolean; onClose: () => void; children: ReactNode }) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = ref.current!;
    const before = document.activeElement;
    if (!dialog.open) dialog.showModal();
    return () => {
      dialog.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    };
  }, []);
  return (
    /* oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-noninteractive-element-interactions -- a click beside it closes; the key for that is Escape */
    <dialog
      ref={ref}
      className={cx(css.dialog, wide && css.wide)}
      aria-label={label}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === ref.current) onClose();
      }}
    >
      <div className={css.body}>{children}</div>
    </dialog>
  );
}
