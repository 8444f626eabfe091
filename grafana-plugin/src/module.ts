import { DataSourcePlugin } from '@grafana/data';
import { ConfigEditor } from './config/ConfigEditor';
import { DataSource } from './datasource';
import { QueryEditor } from './editor';
import { KmsOptions, KmsQuery, KmsSecureOptions } from './types';

export const plugin = new DataSourcePlugin<DataSource, KmsQuery, KmsOptions, KmsSecureOptions>(DataSource)
  .setConfigEditor(ConfigEditor)
  .setQueryEditor(QueryEditor);
