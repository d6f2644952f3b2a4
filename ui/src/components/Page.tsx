import type { ReactNode } from 'react';
import css from './page.module.css';
import { cx } from './ui';

/* The head every page has: its own title, one h1, what it is, what to do. */
export function Page({ title, heading, beside, lede, actions, width, children }: {
  title: string;
  heading?: ReactNode;
  beside?: ReactNode;
  lede?: ReactNode;
  actions?: ReactNode;
  width?: 'full' | 'narrow';
  children: ReactNode;
}) {
  return (
    <div className={cx(css.page, width && css[width])}>
      <title>{`${title} · Data Highway`}</title>
      <header className={css.head}>
        <div>
          <div className={css.title}>
            <h1>{heading ?? title}</h1>
            {beside}
          </div>
          {lede && <p className={css.lede}>{lede}</p>}
        </div>
        {actions && <div className={css.actions}>{actions}</div>}
      </header>
      {children}
    </div>
  );
}

export function Card({ title, tools, pad = true, children }: { title?: ReactNode; tools?: ReactNode; pad?: boolean; children: ReactNode }) {
  return (
    <section className={css.card}>
      {(title || tools) && (
        <div className={css.cardHead}>
          <h2>{title}</h2>
          {tools}
        </div>
      )}
      {pad ? <div className={css.cardBody}>{children}</div> : children}
    </section>
  );
}

export function Stats({ items }: { items: { label: string; value: ReactNode; title?: string }[] }) {
  return (
    <dl className={css.stats}>
      {items.map((item) => (
        <div key={item.label} title={item.title}>
          <dt>{item.label}</dt>
          <dd>{item.value}</dd>
        </div>
      ))}
    </dl>
  );
}
