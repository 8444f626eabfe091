// Builds the page into bin/harness/page of the repository. Everything that Grafana shares with plugins is in
// it, and nothing of the plugin: that is loaded from dist/.
import { cp, mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import esbuild from 'esbuild';

const here = path.dirname(fileURLToPath(import.meta.url));
const modules = path.join(here, '../../node_modules');
const out = path.join(here, '../../../bin/harness/page');

// Where a package does not export what Grafana itself takes from it, and the
// routers of @grafana/ui, which are older than the one that scenes have.
const ui = createRequire(path.join(modules, '@grafana/ui/package.json'));
const places = {
  '@grafana/runtime/settings': path.join(modules, '@grafana/runtime/dist/esm/services/dataSource/settings.mjs'),
  '@grafana/ui/router': ui.resolve('react-router-dom'),
  '@grafana/ui/router-compat': ui.resolve('react-router-dom-v5-compat'),
};

await mkdir(out, { recursive: true });
await Promise.all([
  cp(path.join(here, 'index.html'), path.join(out, 'index.html')),
  esbuild.build({
    entryPoints: [path.join(here, 'main.tsx')],
    outdir: out,
    bundle: true,
    format: 'iife',
    target: 'es2022',
    sourcemap: true,
    logLevel: 'warning',
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
    mainFields: ['module', 'browser', 'main'],
    loader: { '.svg': 'dataurl', '.png': 'dataurl', '.ttf': 'file', '.woff': 'file', '.woff2': 'file' },
    alias: places,
  }),
]);
