import { defineConfig } from 'eslint/config';
import grafana from '@grafana/eslint-config';

export default defineConfig([
  {
    ignores: [
      '.config/',
      'coverage/',
      'dist/',
      'harness/page/build/',
      'pkg/',
      'test-results/',
      'playwright-report/',
      'playwright/',
    ],
  },
  ...grafana,
  { rules: { 'react/prop-types': 'off' } },
  {
    files: ['src/**/*.{ts,tsx}'],
    languageOptions: { parserOptions: { project: './tsconfig.json' } },
    rules: { '@typescript-eslint/no-deprecated': 'warn' },
  },
  // Test fixtures of Playwright take a function called "use".
  { files: ['tests/**'], rules: { 'react-hooks/rules-of-hooks': 'off' } },
]);
