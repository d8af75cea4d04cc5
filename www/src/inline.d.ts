/** The worker's code around a port: scripts/build.mjs makes `inline.js` of worker.ts. */
export function serve(port: MessagePort): void;
