// SPDX-License-Identifier: Apache-2.0

import { defineConfig } from 'vite';

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    // go:embed reaches no folder above its package.
    outDir: '../internal/sink/portal/dist',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0, // the page's policy allows no data: script or style
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: { output: { comments: { legal: false } } },
  },
  // `npm run dev` shows the page of the sources with the data of a sink that runs here.
  server: { proxy: { '/api': 'http://127.0.0.1:8080' } },
});
