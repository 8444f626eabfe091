export { QueryEditor, type Props as QueryEditorProps } from './QueryEditor';
export { defaultQuery, incomplete, normalise, prune } from './model/query';
