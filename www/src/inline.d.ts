/** The worker’s code around a port, until `end`: scripts/build.mjs makes `inline.js` of worker.ts. */
export function serve(port: MessagePort, end: AbortSignal): void;
