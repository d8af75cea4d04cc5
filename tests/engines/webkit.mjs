// WebKitGTK's own small browser, by the driver that Debian has for it, on a screen that nobody sees.

import { createServer } from 'node:net';
import { Driver, PATIENCE, Program, assertThere, byWebDriver } from './driver.mjs';

const BROWSER = process.env.WEBKIT ?? '/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser';

/** In software, and without looking for what a desktop has. */
const SETTINGS = { GDK_BACKEND: 'x11', LIBGL_ALWAYS_SOFTWARE: '1', NO_AT_BRIDGE: '1' };

/** What Safari has and WebKitGTK leaves off. */
export const SHARED_MEMORY = { JSC_useSharedArrayBuffer: '1' };

/** `settings`: environment variables of the browser. */
export async function webkit(settings = {}) {
  assertThere(BROWSER);
  let screen, driver, ask;
  const end = async () => {
    await ask?.('DELETE', '').catch(() => {}); // Without this the browser outlives its driver.
    await driver?.end();
    await screen?.end();
  };
  try {
    const size = ['-screen', '0', '1280x1024x24', '-nolisten', 'tcp'];
    screen = new Program(process.env.XVFB ?? '/usr/bin/Xvfb', ['-displayfd', '1', ...size]);
    const display = await screen.when((said) => /^(\d+)\n/m.exec(said)?.[1]);
    const port = await freePort();
    const command = process.env.WEBKIT_DRIVER ?? '/usr/bin/WebKitWebDriver';
    const all = { ...SETTINGS, ...settings, DISPLAY: `:${display}` };
    driver = new Program(command, [`--port=${port}`], all);
    const base = `http://127.0.0.1:${port}`;
    await driver.when(() => fetch(`${base}/status`).catch(() => undefined));
    const { sessionId } = await http('POST', `${base}/session`, {
      capabilities: {
        alwaysMatch: {
          browserName: 'MiniBrowser',
          'webkitgtk:browserOptions': { binary: BROWSER, args: ['--automation'] },
          timeouts: { script: PATIENCE },
        },
      },
    });
    ask = (method, path, given) => http(method, `${base}/session/${sessionId}${path}`, given);
    return new Driver({
      ...byWebDriver({
        navigate: (given) => ask('POST', '/url', given),
        script: (given) => ask('POST', '/execute/async', given),
        find: (given) => ask('POST', '/element', given),
        click: ({ id }) => ask('POST', `/element/${id}/click`, {}),
        type: ({ id, text }) => ask('POST', `/element/${id}/value`, { text }),
      }),
      close: end,
    });
  } catch (error) {
    await end();
    throw error;
  }
}

async function http(method, url, given) {
  const response = await fetch(url, { method, body: given && JSON.stringify(given) });
  const { value } = await response.json();
  if (!response.ok) throw new Error(`${value.error}: ${value.message}`);
  return value;
}

/** A port that was free a moment ago. */
async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
