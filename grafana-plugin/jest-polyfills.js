// What Grafana's packages expect of a browser and jsdom does not have.
const { MessageChannel, MessagePort } = require('node:worker_threads');
const { ReadableStream, TransformStream, WritableStream } = require('node:stream/web');
const { TextDecoder, TextEncoder } = require('node:util');

Object.assign(globalThis, {
  MessageChannel,
  MessagePort,
  ReadableStream,
  TransformStream,
  WritableStream,
  TextDecoder,
  TextEncoder,
});
