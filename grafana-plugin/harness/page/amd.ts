// Loads the module that the plugin ships as Grafana does: an AMD module that gets
// Grafana's own copies of the libraries that it does not bring.
import * as emotionCss from '@emotion/css';
import * as grafanaData from '@grafana/data';
import * as grafanaRuntime from '@grafana/runtime';
import * as grafanaUi from '@grafana/ui';
import * as grafanaUiUnstable from '@grafana/ui/unstable';
import lodash from 'lodash';
import moment from 'moment';
import * as react from 'react';
import * as jsxRuntime from 'react/jsx-runtime';
import * as reactDom from 'react-dom';
import * as rxjs from 'rxjs';

const shared: Record<string, unknown> = {
  '@emotion/css': emotionCss,
  '@grafana/data': grafanaData,
  '@grafana/runtime': grafanaRuntime,
  '@grafana/ui': grafanaUi,
  '@grafana/ui/unstable': grafanaUiUnstable,
  lodash: { ...lodash, default: lodash },
  moment: Object.assign(moment, { default: moment }),
  react: { ...react, default: react },
  'react/jsx-runtime': jsxRuntime,
  'react-dom': { ...reactDom, default: reactDom },
  rxjs,
};

type Factory = (...dependencies: unknown[]) => unknown;

declare global {
  interface Window {
    define?: (...args: unknown[]) => void;
  }
}

/** Loads an AMD module and returns what it exports. */
export async function loadModule<T>(url: string): Promise<T> {
  let module: unknown;
  let missing: string | undefined;
  window.define = (...args: unknown[]) => {
    const factory = args.pop() as Factory;
    const names = (args.pop() as string[] | undefined) ?? [];
    const exported = {};
    const dependencies = names.map((name) => {
      if (name === 'module') {
        return { uri: url };
      }
      if (name === 'exports') {
        return exported;
      }
      if (!(name in shared)) {
        missing = name;
      }
      return shared[name];
    });
    module = missing ? undefined : (factory(...dependencies) ?? exported);
  };
  await new Promise<void>((resolve, reject) => {
    const script = document.createElement('script');
    script.src = url;
    script.onload = () => resolve();
    script.onerror = () => reject(new Error(`${url} cannot be loaded: is the plugin built?`));
    document.head.append(script);
  });
  delete window.define;
  if (missing) {
    throw new Error(`${url} wants ${missing}, which Grafana does not share`);
  }
  if (!module) {
    throw new Error(`${url} is not an AMD module`);
  }
  return module as T;
}
