// The page: ?view=config|query|variable|annotation|dashboard, &uid= of the
// datasource, &theme=dark|light, and what the view takes. Without a view it lists
// the dashboards, which are at /d/UID as in Grafana.
import { AppEvents, createTheme, DataSourcePlugin, ThemeContext } from '@grafana/data';
import { config } from '@grafana/runtime';
import { Alert, ErrorBoundaryAlert, GlobalStyles, PortalContainer } from '@grafana/ui';
import { BrowserRouter } from '@grafana/ui/router';
import { CompatRouter } from '@grafana/ui/router-compat';
import { ReactNode, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { loadModule } from './amd';
import { ContentsView, DashboardView } from './dashboards';
import { registerOptions } from './options';
import { panelPlugin } from './panels';
import { parameters, SHIPPED } from './routes';
import { appEvents, Datasource, setUp } from './services';
import { AnnotationView, ConfigView, QueryView, VariableView, ViewProps } from './views';

const views: Record<string, React.ComponentType<ViewProps>> = {
  config: ConfigView,
  query: QueryView,
  variable: VariableView,
  annotation: AnnotationView,
  dashboard: DashboardView,
  contents: ContentsView,
};

/** What Grafana shows in a corner of its page. */
function Toasts() {
  const [list, setList] = useState<string[]>([]);
  useEffect(() => {
    const add = (e: { payload?: unknown[] }) => setList((old) => [...old, String(e.payload?.[0])]);
    const subs = [AppEvents.alertError, AppEvents.alertWarning, AppEvents.alertSuccess].map((e) =>
      appEvents.getStream(e as never).subscribe(add)
    );
    return () => subs.forEach((s) => s.unsubscribe());
  }, []);
  return list.map((text, i) => <Alert key={i} title={text} severity="warning" data-testid="toast" />);
}

function Page({ children, theme }: { children: ReactNode; theme: 'dark' | 'light' }) {
  const value = createTheme({ colors: { mode: theme } });
  return (
    <ThemeContext.Provider value={value}>
      <GlobalStyles />
      <BrowserRouter>
        <CompatRouter>
          <main style={{ padding: 16, maxWidth: 1600 }}>
            <h1>kmstrail</h1>
            <ErrorBoundaryAlert>{children}</ErrorBoundaryAlert>
          </main>
        </CompatRouter>
      </BrowserRouter>
      <Toasts />
      <PortalContainer />
    </ThemeContext.Provider>
  );
}

async function main() {
  const params = parameters(location);
  const theme = params.get('theme') === 'light' ? 'light' : 'dark';
  const View = views[params.get('view') ?? 'contents'];
  if (!View) {
    throw new Error(`there is no view ${params.get('view')}`);
  }
  registerOptions();
  Object.assign(config, { theme2: createTheme({ colors: { mode: theme } }) });
  const { plugin } = await loadModule<{ plugin: DataSourcePlugin<Datasource> }>(`${SHIPPED}/module.js`);
  const datasource = await setUp(plugin, params.get('uid') ?? 'kmstrail', panelPlugin);
  createRoot(document.getElementById('root')!).render(
    <Page theme={theme}>
      <View plugin={plugin} datasource={datasource} params={params} />
    </Page>
  );
}

main().catch((err) => {
  console.error(err);
  document.getElementById('root')!.textContent = `The page cannot be shown: ${err.message ?? JSON.stringify(err)}`;
});
