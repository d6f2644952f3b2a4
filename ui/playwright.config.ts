import { defineConfig } from '@playwright/test';

/* Runs against a highway that is already up: DMV_URL (the admin role) and INGEST_URL. */
export default defineConfig({
  testDir: './e2e',
  timeout: 90_000,
  expect: { timeout: 15_000 },
  workers: 1,
  reporter: [['list']],
  outputDir: process.env.PLAYWRIGHT_OUTPUT ?? '/tmp/dmv-playwright',
  use: {
    baseURL: process.env.DMV_URL ?? 'http://127.0.0.1:8080',
    viewport: { width: 1440, height: 900 },
    launchOptions: { executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium-headless-shell' },
    trace: 'retain-on-failure',
    screenshot: 'only-on-failure',
  },
});
