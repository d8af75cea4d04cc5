// Runs before everything else, in pages and in our worker: finds every WebAssembly memory, whoever
// makes it, and tells its size when asked.
{
  // TensorFlow.js takes at most half of the logical cores: to give it N threads, say that there are 2N.
  const cores = Number(new URLSearchParams(self.location.search).get('cores'));
  if (cores) Object.defineProperty(navigator, 'hardwareConcurrency', { get: () => cores });

  const memories = new Set();
  const { Memory, Instance } = WebAssembly;
  const look = (instance) => {
    for (const value of Object.values(instance.exports)) {
      if (value instanceof Memory) memories.add(value);
    }
    return instance;
  };
  WebAssembly.Memory = new Proxy(Memory, {
    construct(target, args) {
      const memory = Reflect.construct(target, args);
      memories.add(memory);
      return memory;
    },
  });
  WebAssembly.Instance = new Proxy(Instance, {
    construct: (target, args) => look(Reflect.construct(target, args)),
  });
  for (const name of ['instantiate', 'instantiateStreaming']) {
    const original = WebAssembly[name];
    WebAssembly[name] = async (...args) => {
      const made = await original.apply(WebAssembly, args);
      look(made.instance ?? made);
      return made;
    };
  }
  const bytes = () => [...memories].reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
  const channel = new BroadcastChannel('bench-heap');
  channel.onmessage = ({ data }) => data === 'ask' && channel.postMessage(bytes());
  self.wasmBytes = bytes;
}
