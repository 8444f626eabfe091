// What build.mjs takes from places that packages do not export.

declare module '@grafana/runtime/settings' {
  import type { DataSourceInstanceSettings } from '@grafana/data';
  export function initDataSourceInstanceSettings(
    settings: Record<string, DataSourceInstanceSettings>,
    defaultName: string
  ): void;
}

declare module '@grafana/ui/router' {
  export const BrowserRouter: React.ComponentType<React.PropsWithChildren>;
}

declare module '@grafana/ui/router-compat' {
  export const CompatRouter: React.ComponentType<React.PropsWithChildren>;
}
