// Where Grafana has its pages, links lead to: /d/UID and /explore are turned into
// what the page's own addresses say.
import { PLUGIN_ID } from './services';

/** The folder of the plugin as it is shipped. */
export const SHIPPED = `/public/plugins/${PLUGIN_ID}`;

/** The month of the sample data. */
export const OCTOBER = { from: '2026-10-01T00:00:00Z', to: '2026-11-01T00:00:00Z' };

interface Pane {
  queries: object[];
  range: { from: string; to: string };
}

/** Times in links are milliseconds since 1970 where they are not relative ones. */
function time(text: string): string {
  return /^\d+$/.test(text) ? new Date(Number(text)).toISOString() : text;
}

/** The parameters of a view that an address stands for. */
export function parameters(location: Location): URLSearchParams {
  const params = new URLSearchParams(location.search);
  const uid = /^\/d\/kmstrail-([\w-]+)/.exec(location.pathname)?.[1];
  if (uid) {
    params.set('view', 'dashboard');
    params.set('json', `${SHIPPED}/dashboards/${uid}.json`);
    for (const [name, value] of Object.entries(OCTOBER)) {
      params.set(name, time(params.get(name) ?? value));
    }
  } else if (location.pathname === '/explore') {
    const [pane] = Object.values<Pane>(JSON.parse(params.get('panes') ?? '{}'));
    params.set('view', 'query');
    params.set('app', 'explore');
    if (pane) {
      params.set('query', JSON.stringify(pane.queries[0]));
      params.set('from', time(pane.range.from));
      params.set('to', time(pane.range.to));
    }
  }
  return params;
}
