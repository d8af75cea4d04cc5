// Styles that come with what they are for.

/** Waits for a sheet beside the page; one that is there already changes nothing. */
export function styled(file: string): Promise<unknown> {
  const link = document.createElement('link');
  link.rel = 'stylesheet';
  link.href = file;
  return new Promise((resolve) => {
    link.onload = link.onerror = resolve;
    document.head.append(link);
  });
}
