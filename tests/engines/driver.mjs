// A browser as the tests use it, whoever made it, in the words of WebDriver.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds that one script in a page may take, and that the page may take to become something. */
export const PATIENCE = 60_000;
/** Seconds in which a program must have started. */
const START = 60;

/** Under which name WebDriver hands out elements. */
const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf';

/** Where the page has pages.mjs. */
export const SCRIPT = '/engines.mjs';

/** `actions`: `open(url)`, `script(text)`, `click(selector)`, `type(selector, text)` and `close()`. */
export class Driver {
  #actions;

  constructor(actions) {
    this.#actions = actions;
  }

  async open(url) {
    await this.#actions.open(url);
  }

  /** What a function of pages.mjs comes to; arguments and answer are of JSON. */
  async run(name, ...args) {
    const answer = await this.#actions.script(
      `
      const done = arguments[arguments.length - 1];
      const call = () =>
        engines.${name}(...JSON.parse(arguments[0])).then(
          (value) => done(JSON.stringify({ value })),
          (error) => done(JSON.stringify({ error: error + ' ' + error?.stack })),
        );
      if (window.engines) return void call();
      const script = document.createElement('script');
      script.type = 'module';
      script.src = '${SCRIPT}';
      script.onload = call;
      document.documentElement.append(script);`,
      JSON.stringify(args),
    );
    const { value, error } = JSON.parse(answer);
    if (error) throw new Error(`in the page: ${error}`);
    return value;
  }

  /** Waits until it comes to something true. */
  async until(name, ...args) {
    for (const begin = Date.now(); Date.now() - begin < PATIENCE; await sleep(100)) {
      const value = await this.run(name, ...args);
      if (value) return value;
    }
    throw new Error(`This never came: ${name} of ${args}`);
  }

  /** Presses what a selector finds, as a person does. */
  click(selector) {
    return this.#actions.click(selector);
  }

  /** Types into it; into a file input, the path of the file to choose. */
  type(selector, text) {
    return this.#actions.type(selector, text);
  }

  close() {
    return this.#actions.close();
  }
}

/** Such actions from WebDriver's own: `navigate`, `script`, `find`, `click` and `type`. */
export function byWebDriver(send) {
  const find = async (value) => (await send.find({ using: 'css selector', value }))[ELEMENT];
  return {
    open: (url) => send.navigate({ url }),
    script: (script, given) => send.script({ script, args: [given] }),
    click: async (selector) => send.click({ id: await find(selector) }),
    type: async (selector, text) => send.type({ id: await find(selector), text }),
  };
}

/** A program that is to end with the test. */
export class Program {
  #child;
  #ended;
  #said = '';
  #command;

  constructor(command, args, settings = {}) {
    assertThere(command);
    this.#command = command;
    const env = { ...process.env, ...settings };
    this.#child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.on('data', (text) => (this.#said += text));
    }
    this.#ended = new Promise((resolve) => this.#child.once('exit', resolve));
  }

  /** What `ready` makes of all that the program has said, once it makes something of it. */
  async when(ready) {
    for (let tries = 0; tries < START * 10 && this.#child.exitCode === null; tries++) {
      const value = await ready(this.#said);
      if (value) return value;
      await sleep(100);
    }
    throw new Error(`${this.#command} did not start:\n${this.#said}`);
  }

  async end() {
    this.#child.kill();
    const late = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    await this.#ended;
    clearTimeout(late);
  }
}

export function assertThere(command) {
  if (existsSync(command)) return;
  throw new Error(
    `${command} is not there. .ci/run names the Debian packages that the tests need, and installs them.`,
  );
}
