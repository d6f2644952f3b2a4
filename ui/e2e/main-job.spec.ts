import { expect, test } from '@playwright/test';
import { complaints, send, unique } from './helpers';

/* The main job, clicked: events by HTTP → topic → sample → wizard → first row → SQL. */
test('a stranger lands a topic in a table and asks it in SQL', async ({ page }) => {
  const found = complaints(page);
  const topic = unique('web.clicks');
  const table = `events.${topic.replaceAll(/[^a-z0-9]+/g, '_')}`;
  const big = '9223372036854775807';

  await page.goto('/topics');
  await expect(page.getByRole('heading', { level: 1, name: 'Topics' })).toBeVisible();

  const ids = await send(
    topic,
    Array.from({ length: 20 }, (_, i) => `{"event_name":"page.viewed","payload":{"page":"/p/${i}","user_id":${big},"note":"<script>alert(${i})</script>"}}`),
  );
  expect(new Set(ids).size).toBe(20);

  /* It appears by itself. */
  await test.step('the topic shows without a reload', async () => {
    await page.keyboard.press('/');
    await page.keyboard.type(topic);
    await expect(page.getByRole('link', { name: topic })).toBeVisible();
    await expect(page.getByRole('row').filter({ hasText: topic })).toContainText('20');
  });

  await test.step('its newest events, exact to the last digit', async () => {
    await page.getByRole('link', { name: topic }).click();
    await expect(page.getByRole('heading', { level: 1, name: topic })).toBeVisible();
    const events = page.getByRole('table', { name: 'Newest events' });
    await expect(events.getByRole('row')).toHaveCount(21);
    await events.getByRole('row').filter({ hasText: '/p/7' }).first().click();
    const record = page.getByRole('complementary', { name: 'Event' });
    await expect(record.getByText(big)).toBeVisible();
    await expect(record.getByText('"<script>alert(7)</script>"')).toBeVisible();
    await expect(page).toHaveURL(/at=\d+%3A\d+/);
    await page.keyboard.press('Escape');
    await expect(record).toBeHidden();
  });

  await test.step('the wizard tries everything out', async () => {
    await page.getByRole('link', { name: 'Land in a warehouse table' }).click();
    await expect(page.getByRole('textbox', { name: 'Flow name' }).or(page.getByRole('combobox', { name: 'Flow name' }))).toHaveValue(topic);
    await expect(page.getByRole('textbox', { name: 'Table' })).toHaveValue(table);
    await page.getByRole('radio', { name: '1 second' }).check();

    /* A wrong table name: the fault shows at the field, in words, and nothing starts. */
    await page.getByRole('textbox', { name: 'Table' }).fill('no namespace!');
    await expect(page.getByRole('textbox', { name: 'Table' })).toHaveAttribute('aria-invalid', 'true');
    await page.getByRole('button', { name: 'Start flow' }).click();
    await expect(page.getByRole('textbox', { name: 'Table' })).toBeFocused();
    await page.getByRole('textbox', { name: 'Table' }).fill(table);

    /* Nothing typed is lost by a reload. */
    await page.reload();
    await expect(page.getByRole('textbox', { name: 'Table' })).toHaveValue(table);
    await expect(page.getByRole('radio', { name: '1 second' })).toBeChecked();

    await expect(page.getByText('All passed')).toBeVisible();
    await expect(page.getByRole('table', { name: 'Preview' }).getByRole('row').nth(1)).toBeVisible();
  });

  await test.step('the flow runs, the first row arrives', async () => {
    await page.getByRole('button', { name: 'Start flow' }).click();
    await expect(page.getByRole('heading', { level: 1, name: topic })).toBeVisible();
    await expect(page).toHaveURL(/\/flows\//);
    await expect(page.getByRole('list', { name: 'Steps to the first row' }).getByRole('listitem')).toHaveCount(5);
    await expect(page.getByText(/First row after|The first row is there/)).toBeVisible({ timeout: 45_000 });
    await expect(page.getByRole('link', { name: 'Query this table' })).toBeVisible();
  });

  await test.step('SQL sees each acknowledged event once', async () => {
    await page.getByRole('link', { name: 'Query this table' }).click();
    const rows = page.getByRole('table', { name: 'Rows' });
    await expect(rows.getByRole('row').nth(1)).toBeVisible();
    const editor = page.getByRole('textbox', { name: 'SQL statement', exact: true });
    await editor.click();
    await page.keyboard.press('Control+a');
    await page.keyboard.insertText(`select event_id, payload->>'$.user_id' as user_id from ${table} order by event_id`);
    await expect
      .poll(
        async () => {
          await editor.click();
          await page.keyboard.press('Control+Enter');
          await page.waitForTimeout(300);
          return rows.getByRole('row').count();
        },
        { timeout: 30_000 },
      )
      .toBe(21);
    const seen = await rows.getByRole('row').evaluateAll((all) => all.slice(1).map((row) => [...row.querySelectorAll('[role=cell]')].map((c) => c.textContent)));
    expect(seen.map((r) => r[0]).sort()).toEqual([...ids].sort());
    expect(new Set(seen.map((r) => r[1]))).toEqual(new Set([big]));
  });

  await test.step('the address alone brings the answer back', async () => {
    await page.reload();
    await expect(page.getByRole('table', { name: 'Rows' }).getByRole('row')).toHaveCount(21);
  });
  expect(found).toEqual([]);
});

test('the same by keyboard alone', async ({ page }) => {
  const topic = unique('keys');
  const ids = await send(topic, [{ payload: { n: 1 } }, { payload: { n: 2 } }]);
  await page.goto('/');
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  await page.keyboard.press('g');
  await page.keyboard.press('t');
  await expect(page.getByRole('heading', { level: 1, name: 'Topics' })).toBeVisible();
  await page.keyboard.press('/');
  await page.keyboard.type(topic);
  await expect(page.getByText(/^1 of \d/)).toBeVisible();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('link', { name: topic })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: topic })).toBeVisible();
  const land = page.getByRole('link', { name: 'Land in a warehouse table' });
  for (let i = 0; i < 5 && !(await land.evaluate((e) => e === document.activeElement)); i++) await page.keyboard.press('Tab');
  await expect(land).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByText('All passed')).toBeVisible();
  await page.getByRole('radio', { name: '30 seconds' }).focus();
  await page.keyboard.press('ArrowLeft');
  await expect(page.getByRole('radio', { name: '1 second' })).toBeChecked();
  const start = page.getByRole('button', { name: 'Start flow' });
  for (let i = 0; i < 6 && !(await start.evaluate((e) => e === document.activeElement)); i++) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  const query = page.getByRole('link', { name: 'Query this table' });
  await expect(query).toBeVisible({ timeout: 45_000 });
  for (let i = 0; i < 8 && !(await query.evaluate((e) => e === document.activeElement)); i++) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('table', { name: 'Rows' }).getByRole('row')).toHaveCount(3);
  for (const id of ids) await expect(page.getByRole('cell', { name: id })).toBeVisible();
});

test('pause, resume, delete and undo tell the truth', async ({ page, request }) => {
  const found = complaints(page);
  const topic = unique('lifecycle');
  await send(topic, [{ payload: { n: 1 } }]);
  const body = { kind: 'sink', plugin: 'warehouse', from: { topics: [topic] }, to: { table: `events.${topic}` }, freshness: '1s' };
  expect((await request.put(`/v1/flows/${topic}`, { data: body })).status()).toBe(201);

  await page.goto(`/flows/${topic}`);
  const status = (word: string) => page.getByRole('banner').or(page.getByRole('main')).getByText(word, { exact: true }).first();
  await expect(page.getByText(/First row after|The first row is there/)).toBeVisible({ timeout: 45_000 });
  await page.getByRole('button', { name: 'Pause' }).click();
  await expect(status('Paused')).toBeVisible();
  await page.getByRole('button', { name: 'Resume' }).click();
  await expect(page.getByRole('button', { name: 'Pause' })).toBeVisible();

  await page.getByRole('button', { name: 'Delete' }).click();
  await expect(page).toHaveURL(/\/flows$/);
  await expect(page.getByRole('link', { name: topic })).toBeHidden();
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect(page).toHaveURL(new RegExp(`/flows/${topic}$`));
  await expect(page.getByRole('heading', { level: 1, name: topic })).toBeVisible();
  expect(found).toEqual([]);
});
