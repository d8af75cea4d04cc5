// What the page and its service worker tell each other.

/** From the page; answered through the port that comes along. */
export type Told =
  /** Keep what the CPU needs, and these files, for when there is no network. */
  | { type: 'keep'; paths: string[] }
  /** A newer version waits: let it take over, unless other pages still run the old one. */
  | { type: 'replace' };

export type Replied = { kept: boolean } | { others: number };

/** Where shared pictures wait for the page; their names are in this header. */
export const SHARED = 'xception-page-shared';
export const NAME = 'x-name';

/** In the address: pictures were shared with the page. */
export const ASKED = 'shared';

/** In the address, `off`: the page is not isolated, and runs in one thread. */
export const ISOLATED = 'isolation';
