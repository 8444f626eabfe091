// What is wrong with a setting, said while it is typed. The backend judges by
// the same rules (pkg/plugin/settings.go) and has the last word.

export interface Judgement {
  problem: string;
  hint?: string;
  /** What was probably meant. */
  suggestion?: string;
}

export const DEFAULT_PORT = '8815';
export const EXAMPLE_URL = `grpc+tls://kmstrail.example.com:${DEFAULT_PORT}`;

interface Address {
  scheme: string;
  user?: string;
  host: string;
  port?: string;
  rest?: string;
}

const ADDRESS =
  /^(?<scheme>[a-z][a-z0-9+.-]*):\/\/(?:(?<user>[^@/?#]*)@)?(?<host>\[[0-9a-f:.]+\]|[^:/?#@[\]\s]+)(?::(?<port>[^/?#]*))?(?<rest>[/?#].*)?$/i;

function parseAddress(text: string): Address | undefined {
  const groups = ADDRESS.exec(text)?.groups;
  return groups && { ...(groups as unknown as Address), scheme: groups.scheme.toLowerCase() };
}

/** What is wrong with the address of the server; undefined when nothing is. */
export function judgeUrl(url: string, plainText = false): Judgement | undefined {
  const text = url.trim();
  if (text === '') {
    return { problem: 'The address is missing.', hint: `Write it like ${EXAMPLE_URL}.` };
  }
  if (text.startsWith('unix:')) {
    return /^unix:\/(?!\/)./.test(text)
      ? undefined
      : { problem: 'The socket needs its whole path.', hint: 'Write it like unix:/var/lib/kmstrail/flight.sock.' };
  }
  const address = parseAddress(text);
  if (!address) {
    return judgeText(text);
  }
  return judgeAddress(address) ?? judgeEncryption(address, plainText);
}

function judgeText(text: string): Judgement {
  const bare = /^([a-z0-9][a-z0-9.-]*)(?::(\d{1,5}))?$/i.exec(text);
  const local = bare && isLoopback(bare[1]);
  return {
    problem: 'The address needs a scheme and a host.',
    hint: `Write it like ${EXAMPLE_URL}.`,
    suggestion: bare ? `${local ? 'grpc' : 'grpc+tls'}://${bare[1]}:${bare[2] ?? DEFAULT_PORT}` : undefined,
  };
}

const FLIGHT_SCHEMES: Record<string, string | undefined> = { http: 'grpc', https: 'grpc+tls' };

function judgeAddress({ scheme, user, host, port, rest }: Address): Judgement | undefined {
  const flight = FLIGHT_SCHEMES[scheme];
  if (flight) {
    return {
      problem: 'This is an address of HTTP; queries go over Flight SQL.',
      hint: `kmstrail serve answers it on port ${DEFAULT_PORT} unless server.flight says otherwise.`,
      suggestion: `${flight}://${host}:${DEFAULT_PORT}`,
    };
  }
  if (scheme !== 'grpc' && scheme !== 'grpc+tls') {
    return { problem: `There is no scheme ${scheme} here.`, hint: 'Use grpc+tls, or grpc for a server without TLS.' };
  }
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) > 0 && Number(port) < 65536)) {
    return {
      problem: 'The port is not possible.',
      hint: `kmstrail serve uses ${DEFAULT_PORT} unless server.flight says otherwise.`,
    };
  }
  const bare = `${scheme}://${host}${port ? ':' + port : ''}`;
  if (user !== undefined) {
    return {
      problem: 'The address holds a user or password, and it is not kept secret.',
      hint: 'Put the token into its own field.',
      suggestion: bare,
    };
  }
  if (rest && rest !== '/') {
    return { problem: 'Only scheme, host and port belong here.', suggestion: bare };
  }
  return undefined;
}

function judgeEncryption({ scheme, host, port }: Address, plainText: boolean): Judgement | undefined {
  if (scheme !== 'grpc' || plainText || isLoopback(host)) {
    return undefined;
  }
  return {
    problem: 'Without TLS the token and all data cross the network in clear.',
    hint: 'kmstrail serve speaks TLS once it has server.tls_cert and server.tls_key.',
    suggestion: `grpc+tls://${host}:${port ?? DEFAULT_PORT}`,
  };
}

function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i.test(host);
}

/** Whether an address is one with TLS. */
export function hasTls(url: string): boolean {
  return parseAddress(url.trim())?.scheme === 'grpc+tls';
}

/** Whether an address would send the token in clear to another machine. */
export function isPlain(url: string): boolean {
  const address = parseAddress(url.trim());
  return address?.scheme === 'grpc' && !isLoopback(address.host);
}

/** What is wrong with a token; the text itself is never repeated. */
export function judgeToken(token: string): Judgement | undefined {
  const text = token.trim();
  if (text === '' || /^kmst_[a-z2-7]{8}_[a-z2-7]{59}$/.test(text)) {
    return undefined;
  }
  if (/^kmst_[a-z2-7]{8}(_\*+)?$/.test(text)) {
    return {
      problem: 'This is the id of a token, not the token.',
      hint: 'The token was shown once, when it was made.',
    };
  }
  if (text.startsWith('kmst_')) {
    return { problem: 'The token is not whole.', hint: 'Copy the line again, from kmst_ to its end.' };
  }
  return { problem: 'This is no token of kmstrail: those begin with kmst_.' };
}

/** What is wrong with a CA certificate in PEM. */
export function judgeCertificate(pem: string): Judgement | undefined {
  const text = pem.trim();
  const hint = 'Paste it from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----.';
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    return { problem: 'This is a private key. It belongs on the server only.', hint };
  }
  if (text !== '' && !/^-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----$/m.test(text)) {
    return { problem: 'There is no whole certificate in PEM in it.', hint };
  }
  return undefined;
}

export interface Bounds {
  least: number;
  most: number;
}

/** What is wrong with a whole number; empty is the default. */
export function judgeNumber(text: string, { least, most }: Bounds): Judgement | undefined {
  const value = Number(text);
  if (text.trim() === '' || (Number.isInteger(value) && value >= least && value <= most)) {
    return undefined;
  }
  return { problem: `This must be a whole number from ${least} to ${most.toLocaleString('en-US')}.` };
}
