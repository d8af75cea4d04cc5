// Firefox, by the socket on which it speaks WebDriver itself (Marionette, which geckodriver translates to).

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Driver, PATIENCE, Program, byWebDriver } from './driver.mjs';

/** Quiet, and asking nobody for anything. */
const PREFERENCES = {
  'app.update.disabledForTesting': true,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.homepage_override.mstone': 'ignore',
  'datareporting.policy.dataSubmissionEnabled': false,
  'extensions.getAddons.cache.enabled': false,
  'marionette.port': 0,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'data:,',
  'toolkit.telemetry.server': 'data:,',
};

export async function firefox() {
  const profile = mkdtempSync(join(tmpdir(), 'xception-web-firefox-'));
  writeFileSync(join(profile, 'user.js'), Object.entries(PREFERENCES).map(preference).join(''));
  let browser;
  const end = async () => {
    await browser?.end();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const flags = ['--headless', '--no-remote', '--profile', profile, '--marionette'];
    const settings = { MOZ_CRASHREPORTER_DISABLE: '1' };
    browser = new Program(process.env.FIREFOX ?? '/usr/bin/firefox-esr', flags, settings);
    const place = join(profile, 'MarionetteActivePort');
    const port = await browser.when(() => existsSync(place) && Number(readFileSync(place, 'utf8')));
    const ask = await marionette(port);
    const wanted = { alwaysMatch: { timeouts: { script: PATIENCE } } };
    await ask('WebDriver:NewSession', { capabilities: wanted });
    const value = async (command, given) => (await ask(command, given)).value;
    return new Driver({
      ...byWebDriver({
        navigate: (given) => ask('WebDriver:Navigate', given),
        script: (given) => value('WebDriver:ExecuteAsyncScript', given),
        find: (given) => value('WebDriver:FindElement', given),
        click: (given) => ask('WebDriver:ElementClick', given),
        type: (given) => ask('WebDriver:ElementSendKeys', given),
      }),
      close: end,
    });
  } catch (error) {
    await end();
    throw error;
  }
}

function preference([name, value]) {
  return `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`;
}

/**
 * Packets are a length in decimal, a colon, and JSON: `[0, id, command, parameters]`, answered by
 * `[1, id, error, answer]`. The first is a greeting.
 */
async function marionette(port) {
  const socket = connect(port, '127.0.0.1');
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  const waiting = new Map();
  let bytes = Buffer.alloc(0);
  socket.on('data', (part) => {
    bytes = Buffer.concat([bytes, part]);
    for (;;) {
      const colon = bytes.indexOf(':');
      const end = colon + 1 + Number(bytes.subarray(0, colon));
      if (colon < 0 || bytes.length < end) return;
      const packet = JSON.parse(bytes.subarray(colon + 1, end));
      bytes = bytes.subarray(end);
      if (!Array.isArray(packet)) continue;
      const [, id, error, answer] = packet;
      const { resolve, reject } = waiting.get(id);
      waiting.delete(id);
      if (error) reject(new Error(`${error.error}: ${error.message}`));
      else resolve(answer);
    }
  });
  socket.on('error', () => {}); // It is closed next.
  socket.on('close', () => {
    for (const { reject } of waiting.values()) reject(new Error('Firefox has ended.'));
  });
  let last = 0;
  return (command, parameters) =>
    new Promise((resolve, reject) => {
      waiting.set(++last, { resolve, reject });
      const packet = JSON.stringify([0, last, command, parameters]);
      socket.write(`${Buffer.byteLength(packet)}:${packet}`);
    });
}
