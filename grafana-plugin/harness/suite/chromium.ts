import { existsSync } from 'node:fs';
import path from 'node:path';

/** Where Chromium is. It is not downloaded: that nobody has it must be said. */
export function chromium(): string {
  const named = process.env.CHROMIUM;
  if (named) {
    if (!existsSync(named)) {
      throw new Error(`CHROMIUM is ${named}, which does not exist`);
    }
    return named;
  }
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  const places = [
    ...folders.flatMap((folder) => names.map((name) => path.join(folder, name))),
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  ];
  const found = places.find((place) => existsSync(place));
  if (!found) {
    throw new Error(
      'The browser suite needs Chromium: install it (Debian: apt-get install chromium, Fedora: dnf install chromium, macOS: brew install --cask chromium), or set CHROMIUM to its path'
    );
  }
  return found;
}
