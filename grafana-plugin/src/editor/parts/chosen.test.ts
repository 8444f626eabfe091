import { chosen } from './chosen';

describe('chosen', () => {
  const told: Array<{ value: string }> = [];
  const change = chosen<{ value: string }>((option) => told.push(option));

  beforeEach(() => {
    told.length = 0;
  });

  it('hands on what was chosen', () => {
    const option = { value: '' };
    change(option);
    expect(told).toEqual([option]);
  });

  // Grafana's list calls with null when what was current is no longer in it.
  it.each([null, undefined])('does not act on a choice of nothing: %s', (nothing) => {
    change(nothing);
    expect(told).toEqual([]);
  });
});
