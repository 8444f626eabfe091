import { expect, server, shot, test, TYPE } from './kmstrail';

test('address and token, saved and tested', async ({ createDataSourceConfigPage, page }) => {
  const { url, token } = server();
  const config = await createDataSourceConfigPage({ type: TYPE });
  await page.getByLabel(/^Address/).fill(url);
  await page.getByLabel(/^Token/).fill(token);
  await expect(config.saveAndTest()).toBeOK();
  await expect(config).toHaveAlert('success', { hasText: /2026-10-31/ });
  await page.screenshot({ path: shot('config'), fullPage: true });
});

test('a token that the server does not know', async ({ createDataSourceConfigPage, page }) => {
  const config = await createDataSourceConfigPage({ type: TYPE });
  await page.getByLabel(/^Address/).fill(server().url);
  await page.getByLabel(/^Token/).fill(`kmst_aaaaaaaa_${'a'.repeat(59)}`);
  await expect(config.saveAndTest()).not.toBeOK();
  await expect(config).toHaveAlert('error', { hasText: 'kmstrail token create grafana --role read' });
});
