// What Grafana's packages expect of a browser and jsdom does not have.
const { ReadableStream, TransformStream, WritableStream } = require('node:stream/web');
const { setImmediate } = require('node:timers');
const { TextDecoder, TextEncoder } = require('node:util');

/** Node's own keeps the process alive once somebody listens. */
class MessageChannel {
  port1 = new Port();
  port2 = new Port();

  constructor() {
    this.port1.other = this.port2;
    this.port2.other = this.port1;
  }
}

class Port {
  onmessage = null;

  postMessage(data) {
    setImmediate(() => this.other.onmessage?.({ data }));
  }

  close() {}
}

/** Nothing has a size, so nothing comes into view. */
class Observer {
  observe() {}
  unobserve() {}
  disconnect() {}
  takeRecords() {
    return [];
  }
}

Object.assign(globalThis, {
  IntersectionObserver: Observer,
  MessageChannel,
  ReadableStream,
  ResizeObserver: Observer,
  TextDecoder,
  TextEncoder,
  TransformStream,
  WritableStream,
});
