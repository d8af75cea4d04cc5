// Every state of the page, reached as a person reaches it. Tests look at each; as a command it takes
// their pictures, for review:
//
//   node tests/browser/states.mjs [--out DIR] [--only STATE,…] [--schemes light,dark]

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { NO_GPU, SAMPLES, drop, dropAll, dropBytes, labelsFor, ready, start } from './harness.mjs';

export const FLAGS = [
  ...NO_GPU,
  '--use-fake-device-for-media-stream=device-count=2',
  '--use-fake-ui-for-media-stream',
];

export const SIZES = {
  phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
  desktop: { viewport: { width: 1440, height: 900 } },
};

const TYPES = { svg: 'image/svg+xml', jpg: 'image/jpeg' };
/** One of the page’s own pictures, as `dropAll` takes it. */
export const sample = (name) => ({
  name,
  type: TYPES[name.split('.')[1]],
  bytes: readFileSync(join(SAMPLES, name)),
});
const open = async (site, options, path = '/?backend=cpu') => {
  const page = await site.open(path, options);
  await ready(page);
  await page.locator('#loading').waitFor({ state: 'hidden' });
  return page;
};

/** A page in this state, by name. */
export const STATES = {
  empty: open,

  async answer(site, options) {
    const page = await open(site, options);
    await page.locator('[data-sample="samples/espresso.jpg"]').click();
    await labelsFor(page, 'espresso.jpg');
    return page;
  },

  async facts(site, options) {
    const page = await STATES.answer(site, options);
    await page.getByText('How it ran').click();
    return page;
  },

  async why(site, options) {
    const page = await STATES.answer(site, options);
    await page.getByTestId('why').click();
    await page.getByTestId('why-words').getByText(': ').waitFor();
    return page;
  },

  /** A drawing is nothing that the model of photographs knows. */
  async unknown(site, options) {
    const page = await open(site, options);
    await drop(page, join(SAMPLES, 'apple.svg'));
    await labelsFor(page, 'apple.svg');
    return page;
  },

  async strip(site, options) {
    const page = await open(site, options);
    const names = ['tabby.jpg', 'espresso.jpg', 'uniform.jpg', 'rocket.jpg', 'apple.svg'];
    await dropAll(page, names.map(sample));
    await page.getByTestId('film').getByText('nothing I know').waitFor();
    return page;
  },

  async camera(site, options) {
    const page = await open(site, options);
    await page.getByTestId('webcam-start').click();
    await labelsFor(page, 'webcam');
    await page.getByTestId('cameras').waitFor();
    return page;
  },

  async address(site, options) {
    const page = await open(site, options);
    await page.getByTestId('address-open').click();
    return page;
  },

  async asked(site, options) {
    const page = await open(site, options, '/?backend=cpu&url=https://example.com/cat.jpg');
    await page.getByTestId('asked').waitFor();
    return page;
  },

  async error(site, options) {
    const page = await open(site, options);
    await dropBytes(page, Buffer.from('no picture'), { name: 'cat.png', type: 'image/png' });
    await page.getByTestId('error').waitFor();
    return page;
  },

  /** Two things are named, and pictures of one shown. */
  async teaching(site, options) {
    const page = await open(site, options);
    await page.getByTestId('teach-open').click();
    for (const [at, name] of ['Cat', 'Espresso'].entries()) {
      await page.getByLabel(`Name of thing ${at + 1}`).fill(name);
    }
    const tabby = join(SAMPLES, 'tabby.jpg');
    await page.getByTestId('thing-files').first().setInputFiles(Array(8).fill(tabby));
    await page.getByTestId('thing-count').getByText('8 pictures').waitFor();
    return page;
  },

  /** Both are shown, and it has learnt. */
  async taught(site, options) {
    const page = await STATES.teaching(site, options);
    const espresso = join(SAMPLES, 'espresso.jpg');
    await page.getByTestId('thing-files').last().setInputFiles(Array(10).fill(espresso));
    await page.getByTestId('thing-count').getByText('10 pictures').waitFor();
    await page.getByTestId('teach-learn').click();
    await page.getByTestId('teach-result').getByText('rightly').waitFor();
    return page;
  },

  async frozen(site, options) {
    const page = await STATES.camera(site, options);
    await page.getByTestId('freeze').click();
    return page;
  },

  async history(site, options) {
    const page = await STATES.strip(site, options);
    await page.getByTestId('history').locator('summary').click();
    await page.getByTestId('history-count').getByText('5 pictures').waitFor();
    return page;
  },

  async folder(site, options) {
    const page = await open(site, options);
    await page.getByTestId('folder').locator('summary').click();
    const names = ['tabby.jpg', 'espresso.jpg', 'uniform.jpg', 'rocket.jpg', 'apple.svg'];
    const files = names.map((name) => join(SAMPLES, name));
    const input = page.getByTestId('folder-input');
    // Files by themselves, as a folder would bring them.
    await input.evaluate((input) => (input.webkitdirectory = false));
    await input.evaluate((input) => (input.multiple = true));
    await input.setInputFiles(files);
    await page.getByText('5 of 5 pictures named.').first().waitFor();
    return page;
  },

  async speed(site, options) {
    const page = await open(site, options, '/?backend=cpu&model=drawings');
    await page.getByTestId('speed').locator('summary').click();
    await page.getByTestId('speed-run').click();
    await page.getByTestId('speed-status').filter({ hasText: 'Measured.' }).waitFor();
    return page;
  },

  /** A download that never ends. */
  async loading(site, options) {
    const page = await open(site, options);
    await page.route(/^https:/, () => {});
    await page.locator('[name=model][value="keras-xception"]').check();
    await page.getByTestId('model-use').click();
    await page.locator('#loading').waitFor();
    return page;
  },
};

async function pictures({ out, only, schemes }) {
  mkdirSync(out, { recursive: true });
  const wanted = only?.split(',') ?? Object.keys(STATES);
  const site = await start({ flags: FLAGS });
  try {
    for (const state of wanted) {
      for (const [size, options] of Object.entries(SIZES)) {
        for (const colorScheme of schemes.split(',')) {
          const page = await STATES[state](site, {
            ...options,
            colorScheme,
            reducedMotion: 'reduce',
          });
          const room = page.locator(`details#${state}`);
          if ((await room.count()) > 0) await room.evaluate((room) => room.scrollIntoView());
          else if (state !== 'loading') await page.evaluate(() => scrollTo(0, 0));
          await page.screenshot({ path: join(out, `${state}-${size}-${colorScheme}.png`) });
          await page.context().close();
        }
      }
    }
  } finally {
    await site.stop();
  }
  console.log(out);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      out: { type: 'string', default: 'target/states' },
      only: { type: 'string' },
      schemes: { type: 'string', default: 'light,dark' },
    },
  });
  await pictures(values);
}
