/**
 * For lists that cannot be cleared: Grafana's tells of a choice of nothing when what
 * was current is no longer in the list.
 */
export function chosen<T>(act: (option: T) => void): (option: T | null | undefined) => void {
  return (option) => {
    if (option) {
      act(option);
    }
  };
}
