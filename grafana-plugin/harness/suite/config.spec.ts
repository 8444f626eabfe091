import { expect, Harness, test } from './harness';

const address = (h: Harness) => h.page.getByLabel(/^Address/);
const token = (h: Harness) => h.page.getByLabel(/^Token/);
const outcome = (h: Harness) => h.page.getByTestId('outcome');

async function type(harness: Harness, uid: string, url: string, secret: string) {
  await harness.create(uid);
  await harness.open('config', { uid });
  await address(harness).fill(url);
  await token(harness).fill(secret);
  await harness.page.getByRole('button', { name: 'Save & test' }).click();
}

test('address and token, saved and tested', async ({ harness, page }) => {
  await type(harness, 'typed', harness.ready.server, harness.ready.token);
  // Which server, and from when to when it has events.
  await expect(outcome(harness)).toContainText(/kmstrail .*2026-10-02.*2026-10-31/);
  await expect(page.getByRole('region', { name: 'Status' })).toContainText('2026-10-31');
  // The token is kept, and cannot be read again.
  await expect(token(harness)).toBeDisabled();
  await expect(page.getByRole('button', { name: 'Reset' })).toBeVisible();
  expect(await page.content()).not.toContain(harness.ready.token);
  const saved = await page.request.get(`${harness.ready.url}api/datasources/uid/typed`);
  expect(await saved.text()).not.toContain(harness.ready.token);
  expect((await saved.json()).secureJsonFields).toEqual({ token: true });
  await harness.shot('config-saved');
});

// What is wrong, and what to do, for each way to be wrong.
for (const [name, url, secret, said] of [
  [
    'a token that the server does not know',
    '',
    `kmst_aaaaaaaa_${'a'.repeat(59)}`,
    /token.*kmstrail token create grafana --role read/,
  ],
  ['no token', '', '', /kmstrail token create grafana --role read/],
  ['nobody there', 'grpc://127.0.0.1:1', '', /127\.0\.0\.1:1.*(refused|nothing listens)/i],
  ['TLS where there is none', 'tls', '', /TLS/],
] as const) {
  test(`health check: ${name}`, async ({ harness }) => {
    const server = harness.ready.server;
    await type(harness, `wrong ${name}`, url === 'tls' ? server.replace('grpc:', 'grpc+tls:') : url || server, secret);
    await expect(outcome(harness)).toContainText(said);
    await expect(outcome(harness)).not.toContainText(/\n\s+at /);
    harness.expectErrors(/wrong.*\/(health|resources\/status)/);
    await harness.shot(`config-${name.replaceAll(' ', '-')}`);
  });
}

test('an address of another kind is put right', async ({ harness, page }) => {
  await harness.create('advice');
  await harness.open('config', { uid: 'advice' });
  await address(harness).fill('https://kmstrail.example.com:8814');
  await page.getByRole('button', { name: /^Use grpc\+tls:\/\/kmstrail\.example\.com:8815/ }).click();
  await expect(address(harness)).toHaveValue('grpc+tls://kmstrail.example.com:8815');
  await token(harness).fill('secret');
  await expect(page.getByText(/This is no token of kmstrail/)).toBeVisible();
});

test('provisioning YAML has the settings, and no secret', async ({ harness, page }) => {
  await harness.open('config', { uid: harness.ready.datasource });
  await page.getByRole('button', { name: 'Provisioning file' }).click();
  const yaml = page.getByRole('region', { name: /provisioning/i });
  await expect(yaml).toContainText('apiVersion: 1');
  await expect(yaml).toContainText('type: kmstrail-kms-datasource');
  await expect(yaml).toContainText(harness.ready.server);
  await expect(yaml).toContainText(/token: \$\w+/);
  await expect(yaml).not.toContainText('kmst_');
  await harness.shot('config-provisioning');
});
