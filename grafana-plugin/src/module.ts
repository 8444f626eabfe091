import { DataSourcePlugin } from '@grafana/data';
import { DataSource } from './datasource';
import { KmsOptions, KmsQuery } from './types';

export const plugin = new DataSourcePlugin<DataSource, KmsQuery, KmsOptions>(DataSource);
