// Letting events in between two pieces of the worker's work.

/** Lets in what has already arrived. Not by a timer: browsers make the fifth in a row wait for 4 ms. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
