// What the tests share: the page, opened with what it shall show, and that
// nothing goes wrong unseen.
import { expect, Locator, Page, test as base } from '@playwright/test';
import { mkdirSync } from 'node:fs';
import path from 'node:path';

/** What the harness says when it is ready. */
interface Ready {
  url: string;
  server: string;
  token: string;
  datasource: string;
  refused: string;
}

export type View = 'config' | 'query' | 'variable' | 'annotation' | 'dashboard';

const shots = process.env.SHOTS ? path.resolve(process.env.SHOTS) : path.join(__dirname, '../shots');

/** Fonts and some icons of Grafana's are in no package. */
const unpublished = /\/public\/(fonts|build\/img\/icons)\//;

export class Harness {
  readonly ready: Ready = JSON.parse(process.env.HARNESS_READY!);
  /** Errors that the browser has told of. */
  private readonly errors: string[] = [];
  private readonly caused: RegExp[] = [];

  constructor(readonly page: Page) {
    page.on('pageerror', (err) => this.errors.push(String(err)));
    page.on('console', (message) => {
      if (message.type() === 'error' && !unpublished.test(message.location().url)) {
        this.errors.push(`${message.text()} (${message.location().url})`);
      }
    });
  }

  /** Says which errors the test causes: the browser tells of each answer that is one, when it comes. */
  expectErrors(pattern: RegExp) {
    this.caused.push(pattern);
  }

  /** Errors that the test did not cause. */
  unexpected(): string[] {
    return this.errors.filter((error) => !this.caused.some((pattern) => pattern.test(error)));
  }

  /** Opens a view. Objects among the parameters go as JSON. */
  async open(view: View, params: Record<string, unknown> = {}) {
    const query = new URLSearchParams({ view });
    for (const [name, value] of Object.entries(params)) {
      query.set(name, typeof value === 'string' ? value : JSON.stringify(value));
    }
    await this.page.goto(`${this.ready.url}?${query}`);
  }

  /** Adds a datasource that nobody has set up yet. */
  async create(uid: string) {
    const data = { uid, name: uid, type: 'kmstrail-kms-datasource' };
    const response = await this.page.request.post(`${this.ready.url}api/datasources`, { data });
    expect(response.ok()).toBe(true);
  }

  /** Keeps a picture of the page. */
  async shot(name: string) {
    mkdirSync(shots, { recursive: true });
    await this.page.screenshot({ path: path.join(shots, `${name}.png`), fullPage: true });
  }

  /** The rows of the table on the page, each with its cells' text. */
  rows(): Locator {
    return this.page.locator('[role="row"]').filter({ has: this.page.locator('[role="gridcell"]') });
  }

  /** Waits until the query has run, and returns how many rows came. */
  async done(): Promise<number> {
    await expect(this.page.getByTestId('state')).toHaveText('Done');
    return Number(await this.page.getByTestId('rows').textContent());
  }

  /** The query as it would be saved. */
  async saved(): Promise<any> {
    return JSON.parse((await this.page.getByTestId('query').textContent()) ?? '{}');
  }

  executed(): Locator {
    return this.page.getByTestId('executed');
  }
}

export const test = base.extend<{ harness: Harness }>({
  harness: async ({ page }, use) => {
    const harness = new Harness(page);
    await use(harness);
    expect(harness.unexpected(), 'errors on the console').toEqual([]);
  },
});

export { expect };
