import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/* Leaves name.br and name.gz beside each text file of the build: the admin role sends them as they are, without a compressor of its own.
 * Also holds the budget: what the first page loads must stay small, and a build that breaks that fails. */
const ENTRY_JS_LIMIT = 170 * 1024;

function compressedCopies(): Plugin {
  let folder = 'dist';
  let entry: string[] = [];
  return {
    name: 'compressed-copies',
    apply: 'build',
    configResolved(config) {
      folder = join(config.root, config.build.outDir);
    },
    generateBundle(_, bundle) {
      entry = Object.values(bundle).flatMap((part) => (part.type === 'chunk' && part.isEntry ? [part.fileName, ...part.imports] : []));
    },
    closeBundle() {
      let entryBytes = 0;
      for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
        if (!/\.(js|css|html|svg|json|txt)$/.test(file)) continue;
        const path = join(folder, file);
        const plain = readFileSync(path);
        const small = brotliCompressSync(plain, {
          params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length },
        });
        writeFileSync(`${path}.br`, small);
        writeFileSync(`${path}.gz`, gzipSync(plain, { level: 9 }));
        if (entry.includes(file)) entryBytes += small.length;
      }
      console.log(`entry JavaScript: ${(entryBytes / 1024).toFixed(1)} KB brotli (limit ${ENTRY_JS_LIMIT / 1024})`);
      if (entryBytes > ENTRY_JS_LIMIT) throw new Error('the entry is over its budget: load something lazily');
    },
  };
}

export default defineConfig({
  plugins: [react(), compressedCopies()],
  build: {
    target: ['chrome123', 'firefox128', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { host: '127.0.0.1', port: 21700, proxy: { '/v1': process.env.DMV_URL ?? 'http://127.0.0.1:8080' } },
  test: { environment: 'jsdom', include: ['src/**/*.test.{ts,tsx}'] },
});
