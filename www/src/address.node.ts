// Addresses as callers give them in Node: paths are of the folder that the program runs in.

import { pathToFileURL } from 'node:url';
import type * as web from './address.js';

export const addressOf: typeof web.addressOf = (address) => {
  try {
    return new URL(address, pathToFileURL(`${process.cwd()}/`));
  } catch {
    return undefined;
  }
};
