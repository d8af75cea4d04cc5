// What the site's files are sent with: by serve.mjs, and by the page's service worker where a host
// does not send it.

/** Where the published models of models/registry.json live, redirects included. */
const MODEL_HOSTS = [
  'https://huggingface.co',
  'https://*.hf.co',
  'https://storage.googleapis.com/tensorflow/keras-applications/',
  'https://raw.githubusercontent.com/JustinShenk/fer/',
];

/** The page's own policy, sent with every file because a worker goes by its script's headers. */
export const POLICY = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  // Pictures that are given, and what is made of them.
  "img-src 'self' blob: data:",
  "worker-src 'self'",
  `connect-src 'self' data: ${MODEL_HOSTS.join(' ')}`,
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** Of the frame that fetches a picture of another site, when somebody asks for one. */
export const COURIER = 'courier.html';
export const COURIER_POLICY =
  "default-src 'none'; script-src 'self'; connect-src 'self' https: http:";

/** Isolates the page from others, without which browsers allow no threads. */
export const ISOLATION = {
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
};
