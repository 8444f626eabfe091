import { hasTls, isPlain, judgeCertificate, judgeNumber, judgeToken, judgeUrl } from './judge';

const TOKEN = 'kmst_' + 'abcdefgh' + '_' + 'a2'.repeat(29) + 'b';

describe('judgeUrl', () => {
  it.each([
    'grpc+tls://kmstrail.example.com:8815',
    'grpc+tls://kmstrail.example.com',
    'grpc+tls://203.0.113.7:443/',
    'grpc+tls://[2001:db8::1]:8815',
    'grpc://localhost:8815',
    'grpc://127.0.0.1:8815',
    'grpc://[::1]:8815',
    ' GRPC+TLS://kmstrail.example.com:8815 ',
    'unix:/var/lib/kmstrail/flight.sock',
  ])('takes %s', (url) => {
    expect(judgeUrl(url)).toBeUndefined();
  });

  it.each([
    ['', /missing/, undefined],
    ['kmstrail.example.com', /scheme/, 'grpc+tls://kmstrail.example.com:8815'],
    ['kmstrail.example.com:9000', /scheme/, 'grpc+tls://kmstrail.example.com:9000'],
    ['localhost:8815', /scheme/, 'grpc://localhost:8815'],
    ['https://kmstrail.example.com:8814/x', /HTTP/, 'grpc+tls://kmstrail.example.com:8815'],
    ['http://localhost', /HTTP/, 'grpc://localhost:8815'],
    ['ftp://kmstrail.example.com', /no scheme ftp/, undefined],
    ['grpc+tls://', /scheme and a host/, undefined],
    ['grpc+tls://kmstrail.example.com:0', /port/, undefined],
    ['grpc+tls://kmstrail.example.com:65536', /port/, undefined],
    ['grpc+tls://kmstrail.example.com:http', /port/, undefined],
    ['grpc+tls://kmstrail.example.com:8815/sql?a=b', /Only scheme/, 'grpc+tls://kmstrail.example.com:8815'],
    ['grpc+tls://ann:pw@kmstrail.example.com:8815', /user or password/, 'grpc+tls://kmstrail.example.com:8815'],
    ['grpc://kmstrail.example.com:8815', /in clear/, 'grpc+tls://kmstrail.example.com:8815'],
    ['unix:flight.sock', /whole path/, undefined],
    ['unix://host/flight.sock', /whole path/, undefined],
  ])('refuses %s', (url, problem, suggestion) => {
    const judged = judgeUrl(url);
    expect(judged?.problem).toMatch(problem);
    expect(judged?.suggestion).toBe(suggestion);
    // What is proposed is right.
    expect(suggestion && judgeUrl(suggestion)).toBeUndefined();
  });

  it('repeats no password', () => {
    expect(JSON.stringify(judgeUrl('grpc+tls://ann:hunter2@kmstrail.example.com'))).not.toContain('hunter2');
  });

  it('takes an address without TLS where that is wanted', () => {
    expect(judgeUrl('grpc://kmstrail.example.com:8815', true)).toBeUndefined();
    expect(isPlain('grpc://kmstrail.example.com:8815')).toBe(true);
    expect(isPlain('grpc://localhost:8815')).toBe(false);
    expect(hasTls('grpc+tls://kmstrail.example.com')).toBe(true);
  });
});

test.each([
  ['', undefined],
  [TOKEN, undefined],
  [` ${TOKEN}\n`, undefined],
  [TOKEN.slice(0, -1), /not whole/],
  ['kmst_abcdefgh', /id of a token/],
  ['kmst_abcdefgh_***', /id of a token/],
  ['hunter2', /no token/],
])('judgeToken %#', (token, problem) => {
  const judged = judgeToken(token);
  expect(judged?.problem ?? '').toMatch(problem ?? /^$/);
  expect(judged?.problem ?? '').not.toContain('hunter2');
});

test.each([
  ['', undefined],
  ['-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n', undefined],
  ['-----BEGIN CERTIFICATE-----\nMIIB', /no whole certificate/],
  ['MIIB', /no whole certificate/],
  ['-----BEGIN EC PRIVATE KEY-----\nMIIB\n-----END EC PRIVATE KEY-----', /private key/],
])('judgeCertificate %#', (pem, problem) => {
  expect(judgeCertificate(pem)?.problem ?? '').toMatch(problem ?? /^$/);
});

test.each([
  ['', true],
  ['1', true],
  ['1000', true],
  ['0', false],
  ['1001', false],
  ['1.5', false],
  ['many', false],
])('judgeNumber %s', (text, right) => {
  expect(judgeNumber(text, { least: 1, most: 1000 }) === undefined).toBe(right);
});
