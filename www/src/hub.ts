// Models of the Hugging Face hub by their names: hf:USER/REPO, with a file in it and a revision where
// they matter. Asks the hub which files there are, and says which of them is the model.

import { causedBy, clause } from './cause.js';
import { DownloadError, OptionError } from './errors.js';
import type { Download } from './fetch.js';

const HUB = 'https://huggingface.co';
const FORM = 'hf:USER/REPO, hf:USER/REPO/file or hf:USER/REPO@revision';

/** Which file of a repository is its model: the first kind of which it has any. */
const KINDS = [
  /^model\.safetensors$/,
  /\.safetensors$/,
  /\.keras$/,
  /\.h(df)?5$/,
  /^pytorch_model\.bin$/,
  /\.(pth|pt|ckpt|bin)$/,
  /(^|\/)model\.json$/,
];
/** What training leaves beside the model. */
const LEFT =
  /(^|\/)((training_args|optimizer|scheduler|scaler|rng_state\w*)\.\w+|group\d+-shard\d+of\d+\.bin)$/;
/** What timm and transformers say of their models beside them. */
const CONFIG = 'config.json';

/** How the caller downloads. */
type Fetching = (request: Download) => Promise<Uint8Array<ArrayBuffer>>;

export interface HubModel {
  url: string;
  /** As the hub says. */
  bytes?: number;
  sha256?: string;
  /** JSON: names of the classes, and how pictures are to be prepared. */
  config?: string;
}

/** A file as the hub lists it; what it calls LFS are all large ones. */
interface Listed {
  rfilename?: string;
  size?: number;
  lfs?: { sha256?: string };
}

/** Where the model is, at the revision that its name has now; by the caller's way to download. */
export async function findOnHub(
  name: string,
  download: Fetching,
  signal?: AbortSignal,
): Promise<HubModel> {
  const part = '[\\w-][\\w.-]*';
  const parts = new RegExp(`^hf:(${part}/${part})(?:/([^@]+))?(?:@(.+))?$`).exec(name);
  if (!parts) throw new OptionError(`“${name}” names no model on the hub. Give ${FORM}.`);
  const [, repo, wanted, revision = 'main'] = parts;
  const url = `${HUB}/api/models/${repo}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const what = `the list of files of ${name}`;
  const listed = parsed(await download({ url, what, signal }), what, url);
  const { sha = revision, siblings = [] } = listed as { sha?: string; siblings?: Listed[] };
  const files = siblings.flatMap(({ rfilename }) => rfilename ?? []);
  const file = wanted ? files.find((file) => file === wanted) : modelAmong(files, name);
  if (!file) {
    const some = files.slice(0, 8).join(', ');
    throw new OptionError(
      `There is no ${wanted ?? 'model file'} in ${repo}${files.length ? `, but ${some}` : ''}. Give ${FORM}.`,
    );
  }
  const at = (file: string) =>
    `${HUB}/${repo}/resolve/${encodeURIComponent(sha)}/${file.split('/').map(encodeURIComponent).join('/')}`;
  const config = files.includes(CONFIG)
    ? new TextDecoder().decode(
        await download({ url: at(CONFIG), what: `the ${CONFIG} of ${name}`, signal }),
      )
    : undefined;
  const found = siblings.find(({ rfilename }) => rfilename === file);
  // A model.json comes with shards, which have digests of their own.
  const { size: bytes, lfs } = (!/\.json$/.test(file) && found) || {};
  return { url: at(file), config, bytes, sha256: lfs?.sha256 };
}

function modelAmong(files: string[], name: string): string | undefined {
  for (const kind of KINDS) {
    const found = files.filter((file) => kind.test(file) && !LEFT.test(file));
    if (found.length < 2) {
      if (found[0]) return found[0];
      continue;
    }
    throw new OptionError(
      `${name} has ${found.length} files that could be the model: ${found.slice(0, 8).join(', ')}. Name one of them, as in ${name.split('@')[0]}/${found[0]}.`,
    );
  }
  return undefined;
}

function parsed(bytes: Uint8Array, what: string, url: string): object {
  try {
    return Object(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (error) {
    throw causedBy(
      error,
      new DownloadError(
        'truncated',
        `What came for ${what} from ${url} is no JSON (${clause(error)}). Give the file’s address.`,
      ),
    );
  }
}
