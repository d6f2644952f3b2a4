import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from '@playwright/test';

/* A folder per run: two runs at once must not clear each other's traces. Workers inherit the choice. */
process.env.PLAYWRIGHT_OUTPUT ??= mkdtempSync(join(tmpdir(), 'dmv-playwright-'));

/* Runs against a highway that is already up: DMV_URL (the admin role) and INGEST_URL. */
export default defineConfig({
  testDir: './e2e',
  timeout: 90_000,
  expect: { timeout: 15_000 },
  workers: 1,
  reporter: [['list']],
  outputDir: process.env.PLAYWRIGHT_OUTPUT,
  use: {
    baseURL: process.env.DMV_URL ?? 'http://127.0.0.1:8080',
    viewport: { width: 1440, height: 900 },
    launchOptions: { executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium-headless-shell' },
    trace: 'retain-on-failure',
    screenshot: 'only-on-failure',
  },
});
