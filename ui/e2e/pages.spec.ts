import { expect, test } from '@playwright/test';
import { axeViolations, complaints, send, unique } from './helpers';

const topic = unique('a11y');
let eventAt = '';
test.beforeAll(async ({ request }) => {
  await send(topic, Array.from({ length: 5 }, (_, i) => ({ payload: { n: i, nested: { a: [1, 2] } } })));
  const body = { kind: 'sink', plugin: 'warehouse', from: { topics: [topic] }, to: { table: `events.${topic}` }, freshness: '1s' };
  expect((await request.put(`/v1/flows/${topic}`, { data: body })).ok()).toBe(true);
  const sample = (await (await request.get(`/v1/topics/${topic}/sample?limit=1`)).json()) as { items: { partition: number; offset: string }[] };
  eventAt = `${sample.items[0]!.partition}:${sample.items[0]!.offset}`;
});

const PAGES: [name: string, path: string][] = [
  ['Home', '/'],
  ['Topics', '/topics'],
  ['Topic', `/topics/${topic}`],
  ['Topic details', `/topics/${topic}?tab=details`],
  ['Topic code', `/topics/${topic}?tab=code`],
  ['An event', `/topics/${topic}?at=`],
  ['Wizard', `/flows/new?topic=${topic}`],
  ['Flows', '/flows'],
  ['Flow', `/flows/${topic}`],
  ['Tables', '/tables'],
  ['SQL', '/sql?q=select+42'],
  ['Unknown address', '/nothing/here'],
];

test.describe('accessibility', () => {
  test.use({ bypassCSP: true });
  for (const [name, path] of PAGES)
    test(`${name} has no violation in either theme`, async ({ page }) => {
      await page.goto(path.endsWith('at=') ? path + eventAt : path);
      await expect(page.getByRole('heading', { level: 1 })).toHaveCount(1);
      if (path.endsWith('at=')) await expect(page.getByRole('complementary', { name: 'Event' })).toBeVisible();
      await page.waitForTimeout(500);
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        expect(await axeViolations(page), colorScheme).toEqual([]);
      }
    });
});

test('no page overflows sideways on a phone, none breaks the policy', async ({ page }) => {
  const found = complaints(page);
  await page.setViewportSize({ width: 390, height: 800 });
  for (const [name, path] of PAGES) {
    await page.goto(path);
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    await page.waitForTimeout(200);
    const over = await page.evaluate(() => {
      const main = document.getElementById('content')!;
      return Math.max(document.documentElement.scrollWidth - innerWidth, main.scrollWidth - main.clientWidth);
    });
    expect(over, `${name} is wider than the screen`).toBeLessThanOrEqual(0);
  }
  expect(found).toEqual([]);
});

test('the palette finds a topic by keyboard and gives focus back', async ({ page }) => {
  await page.goto('/topics');
  await expect(page.getByRole('heading', { level: 1, name: 'Topics' })).toBeVisible();
  await page.keyboard.press('Control+k');
  const box = page.getByRole('combobox', { name: /Find a topic/ });
  await expect(box).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(box).toBeHidden();
  await page.keyboard.press('Control+k');
  await page.keyboard.type(topic);
  await expect(page.getByRole('option', { name: new RegExp(`^${topic} ?Topic`) })).toBeVisible();
  await page.getByRole('option', { name: new RegExp(`^${topic} ?Topic`) }).click();
  await expect(page).toHaveURL(new RegExp(`/topics/${topic}`));
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeVisible();
  await page.keyboard.press('Escape');
  await page.keyboard.press('g');
  await page.keyboard.press('f');
  await expect(page).toHaveURL(/\/flows$/);
});

test('a lost connection is told within five seconds and heals by itself', async ({ page }) => {
  await page.goto('/topics');
  await expect(page.getByRole('link', { name: topic, exact: true })).toBeVisible();
  await page.route('**/v1/**', (route) => route.abort('connectionrefused'));
  await expect(page.getByText(/No answer from the highway/)).toBeVisible({ timeout: 5000 });
  await expect(page.getByRole('link', { name: topic, exact: true })).toBeVisible();
  await page.unroute('**/v1/**');
  await expect(page.getByText(/No answer from the highway/)).toBeHidden({ timeout: 6000 });
});

test('a statement that cannot run says why', async ({ page }) => {
  await page.goto('/sql?q=selec+1');
  await expect(page.getByRole('alert')).toContainText(/could not run/);
  await expect(page.getByRole('alert').locator('pre')).not.toBeEmpty();
});
