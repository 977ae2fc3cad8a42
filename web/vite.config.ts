// SPDX-License-Identifier: Apache-2.0

import { defineConfig, type Plugin } from 'vite';

// preloadChart has index.html name the chart's module, which is loaded later: so it is there by then.
const preloadChart: Plugin = {
  name: 'preload-chart',
  transformIndexHtml: (_, { bundle }) =>
    Object.values(bundle ?? {})
      .filter((part) => part.type === 'chunk' && part.isDynamicEntry)
      .map((part) => ({ tag: 'link', attrs: { rel: 'modulepreload', href: `/${part.fileName}` }, injectTo: 'head' })),
};

export default defineConfig({
  plugins: [preloadChart],
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
