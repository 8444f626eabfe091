import { Resources } from './resources';
import { PreviewRequest } from './types';

interface Asked {
  path: string;
  params: Record<string, unknown>;
  resolve: (answer: unknown) => void;
  reject: (error: unknown) => void;
}

function backend() {
  const asked: Asked[] = [];
  const ask = (path: string, params?: any) =>
    new Promise<any>((resolve, reject) => asked.push({ path, params, resolve, reject }));
  let now = 1_000_000;
  const resources = new Resources({ get: ask, post: ask }, () => now);
  return { asked, resources, wait: (milliseconds: number) => (now += milliseconds) };
}

const schema = { version: '1', tables: [], functions: [] };

test('the same question is asked once while its answer is under way', async () => {
  const { asked, resources } = backend();
  const answers = [resources.schema(), resources.schema()];
  expect(asked).toHaveLength(1);
  asked[0].resolve(schema);
  expect(await Promise.all(answers)).toEqual([schema, schema]);
});

test('an answer is kept for a while', async () => {
  const { asked, resources, wait } = backend();
  const answer = resources.schema();
  asked[0].resolve(schema);
  await answer;
  wait(5 * 60_000 - 1);
  await resources.schema();
  expect(asked).toHaveLength(1);
  wait(1);
  void resources.schema();
  expect(asked).toHaveLength(2);
  asked[1].resolve(schema);
});

test('an error is not kept', async () => {
  const { asked, resources } = backend();
  const answer = resources.named();
  asked[0].reject(new Error('no'));
  await expect(answer).rejects.toThrow('no');
  void resources.named();
  expect(asked).toHaveLength(2);
});

test('the state of the server is always asked anew', async () => {
  const { asked, resources } = backend();
  const answer = resources.status();
  asked[0].resolve({});
  await answer;
  void resources.status();
  expect(asked).toHaveLength(2);
});

test('who goes away does not end the answer for others', async () => {
  const { asked, resources } = backend();
  const abort = new AbortController();
  const gone = resources.schema(abort.signal);
  const stays = resources.schema();
  abort.abort();
  await expect(gone).rejects.toMatchObject({ name: 'AbortError' });
  asked[0].resolve(schema);
  expect(await stays).toBe(schema);
  await expect(resources.schema(abort.signal)).rejects.toMatchObject({ name: 'AbortError' });
});

test('values of ranges that moved on a little are the same question', async () => {
  const { asked, resources } = backend();
  void resources.values('key', { from: 60_001, to: 119_999, search: 'a' });
  void resources.values('key', { from: 119_000, to: 60_500, search: 'a' });
  void resources.values('key', { from: 60_001, to: 120_001, search: 'a' });
  void resources.columnValues('keys', 'state');
  expect(asked.map(({ params }) => params)).toEqual([
    { kind: 'key', from: 60_000, to: 120_000, search: 'a' },
    { kind: 'key', from: 60_000, to: 180_000, search: 'a' },
    { table: 'keys', column: 'state' },
  ]);
});

test('previews are not kept', () => {
  const { asked, resources } = backend();
  void resources.preview({} as PreviewRequest);
  void resources.preview({} as PreviewRequest);
  expect(asked.map(({ path }) => path)).toEqual(['preview', 'preview']);
});
