import { DataSourceSettings } from '@grafana/data';
import { KmsOptions, KmsSecureOptions, PLUGIN_ID } from '../types';

type Settings = DataSourceSettings<KmsOptions, KmsSecureOptions>;

/** Grafana keeps things of its own beside them. */
const OPTIONS: Array<keyof KmsOptions> = [
  'plainText',
  'tlsAuthWithCACert',
  'tlsSkipVerify',
  'serverName',
  'timeoutSeconds',
  'maxRows',
  'maxConcurrent',
  'staleMinutes',
];

/**
 * The settings as a file for Grafana's provisioning. Secrets are not in it:
 * Grafana takes the token from its environment and the certificate from a file.
 */
export function provisioningYaml(settings: Settings): string {
  const { name, uid, url, isDefault, jsonData } = settings;
  const options = OPTIONS.map((name) => [name, jsonData[name]]).filter(
    ([, value]) => value !== undefined && value !== ''
  );
  return [
    'apiVersion: 1',
    'datasources:',
    `  - name: ${scalar(name)}`,
    ...(uid ? [`    uid: ${scalar(uid)}`] : []),
    `    type: ${PLUGIN_ID}`,
    '    access: proxy',
    `    url: ${scalar(url.trim())}`,
    ...(isDefault ? ['    isDefault: true'] : []),
    ...(options.length > 0 ? ['    jsonData:'] : []),
    ...options.map(([key, value]) => `      ${key}: ${scalar(value)}`),
    '    secureJsonData:',
    '      token: $KMSTRAIL_TOKEN',
    ...(jsonData.tlsAuthWithCACert ? ['      tlsCACert: $__file{/etc/grafana/kmstrail-ca.pem}'] : []),
    '',
  ].join('\n');
}

/** A value as YAML on one line. What JSON writes is YAML; a dollar would begin a variable. */
function scalar(value: unknown): string {
  return JSON.stringify(value)
    .replace(/[\u0085\u2028\u2029\ufeff]/g, (c) => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'))
    .replace(/\$/g, '$$$$');
}
