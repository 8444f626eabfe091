// Times in tests do not depend on where they run.
process.env.TZ = 'UTC';

const scaffold = require('./.config/jest.config');
const [, swc] = Object.entries(scaffold.transform)[0];

module.exports = {
  ...scaffold,
  setupFiles: ['<rootDir>/jest-polyfills.js'],
  // Grafana's packages and what they use come as ES modules, some as .mjs.
  transform: { '^.+\\.(mjs|[jt]sx?)$': swc },
  transformIgnorePatterns: [],
  // How fast the machine is decides nothing.
  testTimeout: 60_000,
};
