import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect } from '@playwright/test';
import type { Page } from '@playwright/test';

export const ingestUrl = process.env.INGEST_URL ?? 'http://127.0.0.1:8084';

export function unique(word: string): string {
  return `${word}${Date.now().toString(36)}${Math.random().toString(36).slice(2, 6)}`;
}

/* Sends events and gives back the ids that were acknowledged. */
export async function send(topic: string, events: unknown[]): Promise<string[]> {
  const answer = await fetch(`${ingestUrl}/v1/events/${topic}?report=all`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-ndjson' },
    body: events.map((e) => (typeof e === 'string' ? e : JSON.stringify(e))).join('\n'),
  });
  expect(answer.status, await answer.clone().text()).toBe(200);
  const { results } = (await answer.json()) as { results: { id: string }[] };
  return results.map((r) => r.id);
}

/* Everything the browser complains about: script errors, CSP violations, failed loads. */
export function complaints(page: Page): string[] {
  const list: string[] = [];
  page.on('pageerror', (error) => list.push(`script error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' || /Content Security Policy|Trusted/.test(message.text())) list.push(`${message.text()} (${message.location().url})`);
  });
  page.on('dialog', (dialog) => {
    list.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  return list;
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/* Needs a context with bypassCSP: the product's policy lets no foreign script in. */
export async function axeViolations(page: Page): Promise<string[]> {
  await page.evaluate(axeSource);
  return page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run: (options: unknown) => Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }> } };
    const { violations } = await axe.run({ resultTypes: ['violations'] });
    return violations.flatMap((v) => v.nodes.slice(0, 3).map((n) => `${v.id}: ${n.html.slice(0, 160)} :: ${n.failureSummary.slice(0, 240)}`));
  });
}
