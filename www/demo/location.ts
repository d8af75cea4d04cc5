// What the page's address says: which backend and model run, so that a link or a reload brings them back.

export const asked = new URL(location.href).searchParams;

/** Without a value, a name is taken out. */
export function keepInAddress(values: Record<string, string | undefined>): void {
  const address = new URL(location.href);
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) address.searchParams.delete(name);
    else address.searchParams.set(name, value);
  }
  history.replaceState(null, '', address);
}
