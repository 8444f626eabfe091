// Starts the harness once for all tests, and ends it after them.
import { ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';

const root = path.resolve(__dirname, '../../..');

export default async function setup() {
  const command = path.resolve(root, process.env.HARNESS ?? 'bin/harness/harness');
  const args: string[] = [];
  if (process.env.KMSTRAIL) {
    args.push('-kmstrail', path.resolve(root, process.env.KMSTRAIL));
  }
  const results = path.join(root, 'grafana-plugin/test-results');
  mkdirSync(results, { recursive: true });
  const log = path.join(results, 'harness.log');
  const harness = spawn(command, args, { cwd: root, stdio: ['pipe', 'pipe', 'pipe'] });
  harness.stderr.pipe(createWriteStream(log));
  // What it prints is read by the tests, which are other processes.
  process.env.HARNESS_READY = await ready(harness, log);
  return () => end(harness);
}

function ready(harness: ChildProcess, log: string): Promise<string> {
  return new Promise((resolve, reject) => {
    createInterface(harness.stdout!).once('line', resolve);
    harness.once('error', reject);
    harness.once('exit', (code) => reject(new Error(`the harness ended with ${code}; ${log} says why`)));
  });
}

/** The harness ends when its input does, and ends what it has started. */
function end(harness: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    harness.once('exit', () => resolve());
    harness.stdin!.end();
  });
}
