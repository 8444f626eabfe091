import { DataSourceSettings } from '@grafana/data';
import { parse } from 'yaml';
import { KmsOptions, KmsSecureOptions } from '../types';
import { provisioningYaml } from './provisioning';

const settings = (part: object) =>
  ({
    name: 'kmstrail',
    uid: 'kms',
    url: 'grpc+tls://kmstrail.example.com:8815',
    isDefault: false,
    jsonData: {},
    ...part,
  }) as DataSourceSettings<KmsOptions, KmsSecureOptions>;

/** The file as Grafana reads it; in it $$ is a dollar. */
const read = (part: object) => parse(provisioningYaml(settings(part))).datasources[0];

test('the least', () => {
  expect(provisioningYaml(settings({}))).toBe(`apiVersion: 1
datasources:
  - name: "kmstrail"
    uid: "kms"
    type: kmstrail-kms-datasource
    access: proxy
    url: "grpc+tls://kmstrail.example.com:8815"
    secureJsonData:
      token: $KMSTRAIL_TOKEN
`);
});

test('all settings', () => {
  const jsonData = { tlsAuthWithCACert: true, serverName: 'other.example.com', maxRows: 5, plainText: false };
  expect(read({ isDefault: true, jsonData: { ...jsonData, timeoutSeconds: undefined, pdcInjected: false } })).toEqual({
    name: 'kmstrail',
    uid: 'kms',
    type: 'kmstrail-kms-datasource',
    access: 'proxy',
    url: 'grpc+tls://kmstrail.example.com:8815',
    isDefault: true,
    jsonData,
    secureJsonData: { token: '$KMSTRAIL_TOKEN', tlsCACert: '$__file{/etc/grafana/kmstrail-ca.pem}' },
  });
});

test('secrets are not in it', () => {
  const text = provisioningYaml(settings({ secureJsonData: { token: 'kmst_secret', tlsCACert: 'pem' } }));
  expect(text).not.toMatch(/kmst_secret|pem/);
});

test.each(['no', '12', 'a: b', "it's", '"quoted"', '- x', '#x', 'line\nbreak', 'zürich\u2028', '*a', '{b}', ' x '])(
  'the name %j stays what it is',
  (name) => {
    expect(read({ name }).name).toBe(name);
  }
);

test('dollars begin no variable', () => {
  expect(read({ name: 'a$HOME${b}' }).name).toBe('a$$HOME$${b}');
});
