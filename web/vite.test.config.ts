// SPDX-License-Identifier: Apache-2.0

import { readdirSync } from 'node:fs';
import { defineConfig } from 'vite';

// Tests are built, and then run by node itself.
const tests = readdirSync(new URL('test/', import.meta.url)).filter((name) => name.endsWith('.test.ts'));

export default defineConfig({
  build: {
    ssr: true,
    outDir: 'out/test',
    emptyOutDir: true,
    target: 'node20',
    rolldownOptions: { input: tests.map((name) => `test/${name}`), output: { entryFileNames: '[name].js' } },
  },
});
