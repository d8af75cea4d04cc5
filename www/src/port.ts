// Through which the worker speaks to the page. A build for the page itself, or for Node, has another in its place.

interface Port {
  postMessage(message: unknown, transfer?: Transferable[]): void;
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
}

export const port = globalThis as unknown as Port;

/** When the work ends, where that does not end all that it has started: on the page. */
export const ending: AbortSignal | undefined = undefined;
