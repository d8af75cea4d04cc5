// A camera's last seconds: how sure the model was of the label that leads, and how often it looked.

import type { Classification } from 'xception-web';
import { element } from './dom.js';

const curve = element('curve');
const line = element('curve-line');
const rate = element('rate');

/** Milliseconds that are shown. */
const SPAN = 10_000;
/** Milliseconds over which looks are counted, and between two changes of the figure: it must be readable. */
const COUNTED = 1000;

interface Look {
  time: number;
  score: number;
}

let looks: Look[] = [];
let leader: number | undefined;
let counted = 0;

export function showCurve({ predictions: [best], known }: Classification): void {
  // How sure it is of nothing that it knows is not worth a curve.
  if (!best || !known) return clearCurve();
  const now = performance.now();
  // Another label: another curve.
  if (best.index !== leader) looks = [];
  leader = best.index;
  looks = looks.filter(({ time }) => now - time < SPAN);
  looks.push({ time: now, score: best.score });
  // In a box of 100 by 20, the newest at its right.
  const points = looks.map(({ time, score }) => {
    return `${(100 * (1 - (now - time) / SPAN)).toFixed(1)},${(20 * (1 - score)).toFixed(1)}`;
  });
  line.setAttribute('points', points.join(' '));
  curve.hidden = false;
  count(now);
}

let times: number[] = [];

function count(now: number): void {
  times = times.filter((time) => now - time < COUNTED);
  times.push(now);
  if (now - counted < COUNTED) return;
  counted = now;
  rate.textContent = `${times.length} a second`;
}

export function clearCurve(): void {
  looks = [];
  times = [];
  leader = undefined;
  counted = 0;
  curve.hidden = true;
  rate.textContent = '';
}
