// Addresses as callers give them.

/** An address as the page means it; nothing where it is none. */
export function addressOf(address: string | URL): URL | undefined {
  try {
    return new URL(address, globalThis.document?.baseURI ?? globalThis.location?.href);
  } catch {
    return undefined;
  }
}
