import { ScopedVars } from '@grafana/data';
import { TemplateSrv } from '@grafana/runtime';
import { ALL } from '../types';

/** Dashboard variables that macros look at without being told. */
export const STANDARD_VARIABLES = ['account', 'region', 'key', 'principal', 'detector'];

/** $name, ${name}, ${name.field} and ${name:format}; [[name]] is a list in a list in DuckDB. */
export const REFERENCE = /\$([A-Za-z_]\w*)|\$\{(\w+)(?:\.([^:}\s]+))?(?::([^}\s]+))?\}/g;

/** Where a text is nothing but one reference. */
const WHOLE = new RegExp(`^(?:${REFERENCE.source})$`);

export interface Reference {
  text: string;
  name: string;
  /** How Grafana is asked to write the values, "" when the text does not say. */
  format: string;
  /** Nothing but a name: the backend can put the values in. */
  plain: boolean;
}

/** The variable that a text is nothing but a reference to. */
export function wholeReference(text: string): Reference | undefined {
  const match = WHOLE.exec(text.trim());
  return match ? readReference(match) : undefined;
}

function readReference([text, bare, braced, field, format]: RegExpExecArray | RegExpMatchArray): Reference {
  const name = bare ?? braced;
  // Names of Grafana's own begin with __; they have no value to filter by.
  return { text, name, format: format ?? '', plain: !field && !format && !name.startsWith('__') };
}

/** All references in a text, with their places. */
export function references(text: string): Array<Reference & { start: number }> {
  return Array.from(text.matchAll(REFERENCE), (match) => ({ ...readReference(match), start: match.index }));
}

/** Reads the variables of the dashboard that a request comes from, or of a repeated panel in it. */
export class Template {
  constructor(
    private readonly srv: TemplateSrv,
    private readonly scoped: ScopedVars = {}
  ) {}

  /** The values of a variable, [ALL] for all; undefined when there is no such variable. */
  values(name: string): string[] | undefined {
    const text = '${' + name + '}';
    const values = this.read(text);
    if (values === undefined) {
      return undefined;
    }
    // A list can be all of them; in a repeated panel it is the one value of the panel.
    if (values === 'custom all' || (Array.isArray(values.raw) && this.isAll(name))) {
      return [ALL];
    }
    return values.texts;
  }

  /**
   * What stands for a reference, written by a function for its values; undefined
   * when there is no such variable. A format in the text, and the text that
   * somebody gave a variable's All, are left to Grafana.
   */
  write(reference: Reference, write: (values: string[]) => string): string | undefined {
    if (!reference.format) {
      const values = this.read(reference.text);
      if (values !== 'custom all') {
        return values && write(values.texts);
      }
    }
    const text = this.srv.replace(reference.text, this.scoped);
    return text === reference.text ? undefined : text;
  }

  /** The text with its variables, as data: nothing is quoted, several values are joined by commas. */
  text(text: string): string {
    return text.replace(REFERENCE, (...match) => {
      const reference = readReference(match as unknown as RegExpMatchArray);
      return this.write(reference, (values) => values.join(',')) ?? reference.text;
    });
  }

  /** Names of the standard variables that the dashboard has. */
  standard(): string[] {
    return STANDARD_VARIABLES.filter((name) => this.read('${' + name + '}') !== undefined);
  }

  private read(text: string): { raw: unknown; texts: string[] } | 'custom all' | undefined {
    let raw: unknown;
    const written = this.srv.replace(text, this.scoped, (value: unknown) => {
      raw = value;
      return '';
    });
    if (raw !== undefined) {
      return { raw, texts: (Array.isArray(raw) ? raw : [raw]).map(String) };
    }
    if (written === text) {
      return undefined;
    }
    // Grafana writes the text that somebody gave All without asking how.
    return written === '' ? { raw: '', texts: [] } : 'custom all';
  }

  private isAll(name: string): boolean {
    const model = this.srv.getVariables().find((variable) => variable.name === name);
    const value = model && 'current' in model ? (model.current as { value?: unknown }).value : undefined;
    return value === ALL || (Array.isArray(value) && value[0] === ALL);
  }
}
