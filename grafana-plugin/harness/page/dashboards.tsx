// The dashboards that come with the plugin: a list of them, and one with Grafana's
// own library for dashboards.
import { EmbeddedScene, UrlSyncManager } from '@grafana/scenes';
import { useEffect, useState } from 'react';
import { OCTOBER, SHIPPED } from './routes';
import { dashboard, DashboardJSON } from './scene';
import { setScene } from './services';
import { ViewProps } from './views';

interface Included {
  type: string;
  name: string;
  path: string;
}

async function included(): Promise<Included[]> {
  const { includes } = await (await fetch(`${SHIPPED}/plugin.json`)).json();
  return includes.filter((i: Included) => i.type === 'dashboard');
}

/** Links to all of them, which keep the range and the variables. */
function Contents() {
  const [list, setList] = useState<Included[]>([]);
  useEffect(() => {
    included().then(setList);
  }, []);
  const search = location.pathname.startsWith('/d/') ? location.search : '?' + new URLSearchParams(OCTOBER);
  return (
    <nav aria-label="Dashboards">
      <ul style={{ display: 'flex', flexWrap: 'wrap', gap: 16, listStyle: 'none', marginBottom: 16 }}>
        {list.map(({ name, path }) => (
          <li key={path}>
            <a
              href={`/d/kmstrail-${path.replace(/^dashboards\/(.*)\.json$/, '$1')}${search}`}
              style={{ textDecoration: 'underline' }}
            >
              {name}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** What the page begins with. */
export function ContentsView() {
  return (
    <>
      <p>
        This is not Grafana, but its libraries, with the plugin as it is shipped: its dashboards, and stand-ins for
        Grafana’s panels. Bar charts and state timelines are tables here.
      </p>
      <Contents />
    </>
  );
}

/** A dashboard whose JSON is at the address in the parameter json. */
export function DashboardView({ params }: ViewProps) {
  const [scene, setDashboard] = useState<EmbeddedScene>();
  const [title, setTitle] = useState('');
  const bundled = location.pathname.startsWith('/d/');
  useEffect(() => {
    const urls = new UrlSyncManager();
    let shown: EmbeddedScene | undefined;
    fetch(params.get('json') ?? 'dashboard.json')
      .then((r) => r.json() as Promise<DashboardJSON>)
      .then((json) => {
        const [from, to] = [params.get('from'), params.get('to')];
        shown = dashboard(from && to ? { ...json, time: { from, to } } : json);
        setScene(shown);
        if (bundled) {
          urls.initSync(shown);
        }
        setTitle(json.title);
        setDashboard(shown);
      });
    return () => shown && urls.cleanUp(shown);
  }, [params, bundled]);
  if (!scene) {
    return null;
  }
  return (
    <>
      {bundled && <Contents />}
      {bundled && <h2>{title}</h2>}
      <scene.Component model={scene} />
    </>
  );
}
