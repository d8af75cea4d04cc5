// Through which the worker speaks to the page. A build for the page itself, or for Node, has another in its place.

declare const self: DedicatedWorkerGlobalScope;

export const port: Pick<DedicatedWorkerGlobalScope, 'postMessage'> & {
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
} = self;
