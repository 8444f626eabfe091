import { AnnotationQuery, AnnotationSupport } from '@grafana/data';
import { KmsQuery } from '../types';
import { AnnotationEditor } from './AnnotationEditor';

/** What a new annotation shows: findings that matter. */
export const DEFAULT_ANNOTATION: Omit<KmsQuery, 'refId'> = {
  kind: 'findings',
  format: 'annotations',
  findings: { severities: ['critical', 'high'] },
};

/** Findings, changes to keys, or rows of SQL as marks in time. */
export const annotations: AnnotationSupport<KmsQuery> = {
  QueryEditor: AnnotationEditor,

  getDefaultQuery: () => DEFAULT_ANNOTATION,

  prepareAnnotation(saved: AnnotationQuery<KmsQuery>) {
    return saved.target?.kind ? saved : { ...saved, target: { refId: 'Anno', ...DEFAULT_ANNOTATION, ...saved.target } };
  },

  // The backend sends times, titles and tags in the columns that Grafana looks for.
  prepareQuery: ({ target }) => target && { ...target, format: 'annotations' },
};
