// Grafana's inputs, as people use them.
import { expect, Page } from '@playwright/test';

/** An input by its label, which a description may follow. */
const combobox = (page: Page, label: string) =>
  page.getByRole('combobox', { name: new RegExp(`^${label.replace(/[*()$.]/g, '\\$&')}( |$)`) });

/** Chooses an option of the list with a label, looking for a text when there are many. */
export async function choose(page: Page, label: string, option: string, search = option) {
  const input = combobox(page, label);
  await input.click();
  await input.fill(search);
  await page.getByRole('option', { name: option }).first().click();
}

/** Chooses further options in a list of many. */
export async function chooseAll(page: Page, label: string, options: string[]) {
  const input = combobox(page, label);
  await input.click();
  for (const option of options) {
    await input.fill(option);
    await page.getByRole('option', { name: option }).first().click();
  }
  await page.keyboard.press('Escape');
  await expect(page.getByRole('listbox')).toHaveCount(0);
}

/** The editor of SQL. */
export const sqlEditor = (page: Page) => page.getByRole('textbox', { name: /^SQL\. / });

/** Replaces the SQL by typing. What the editor adds by itself, such as quotes, is typed over. */
export async function typeSQL(page: Page, sql: string) {
  await expect(page.locator('.monaco-editor').first()).toBeVisible();
  await sqlEditor(page).focus();
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.press('Delete');
  await page.keyboard.type(sql);
}

/** What the editor of SQL suggests, by name. */
export const suggestions = (page: Page) => page.locator('.suggest-widget.visible .monaco-list-row');
