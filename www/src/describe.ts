// What is known of a model before its download. What nobody has told of stands at the beginning of its file,
// of which no more is taken.

import type { Dtype, ModelDescription } from './models.js';

/** Of safetensors: eight bytes say how long the list of tensors is that follows. */
const LENGTH = 8;
/** Bytes of a list that is read: a hundred times that of the largest published Xception. */
const MOST = 8 << 20;

const DTYPES: Record<string, Dtype> = { F32: 'f32', F16: 'f16', BF16: 'bf16', I8: 'q8' };

type Known = Pick<ModelDescription, 'url' | 'bytes' | 'dtype' | 'sha256'>;

/** All of what is known; `open` is how to come by the file. */
export async function describe(
  { url, bytes, dtype, sha256 }: Known,
  open: () => Promise<Response>,
): Promise<Known> {
  const isListed = /\.safetensors$/.test(new URL(url).pathname);
  if (bytes === undefined || (dtype === undefined && isListed)) {
    const response = await open();
    const said = Number(response.headers.get('content-length') ?? NaN);
    const isPacked = response.headers.get('content-encoding');
    if (!isPacked && said > 0) bytes ??= said;
    if (isListed) dtype ??= dtypeOf(await headOf(response));
    await response.body?.cancel().catch(() => {});
  }
  return {
    url,
    ...(bytes !== undefined && { bytes }),
    ...(dtype && { dtype }),
    ...(sha256 && { sha256 }),
  };
}

/** The list of tensors, where there is one; then the transfer is given up. */
async function headOf(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  let head = new Uint8Array(0);
  let wanted = LENGTH;
  try {
    while (head.length < wanted) {
      const part = await reader?.read();
      if (!part?.value) return '';
      const longer = new Uint8Array(head.length + part.value.length);
      longer.set(head);
      longer.set(part.value, head.length);
      head = longer;
      if (wanted > LENGTH || head.length < LENGTH) continue;
      const length = Number(new DataView(head.buffer).getBigUint64(0, true));
      if (length > MOST) return '';
      wanted = LENGTH + length;
    }
  } finally {
    await reader?.cancel().catch(() => {});
    reader?.releaseLock();
  }
  return new TextDecoder().decode(head.subarray(LENGTH, wanted));
}

/** That of most of a file's bytes. */
function dtypeOf(list: string): Dtype | undefined {
  const sizes = new Map<string, number>();
  let tensors: object;
  try {
    tensors = Object(JSON.parse(list));
  } catch {
    return undefined; // No safetensors, whatever its name says: creating tells what is wrong with it.
  }
  for (const tensor of Object.values(tensors)) {
    const { dtype, data_offsets: [begin, end] = [] } = Object(tensor);
    if (end > begin) sizes.set(dtype, (sizes.get(dtype) ?? 0) + (end - begin));
  }
  const [largest] = [...sizes].sort(([, one], [, other]) => other - one);
  return largest && DTYPES[largest[0]];
}
