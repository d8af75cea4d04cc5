// What the model that runs knows: one line, and all its labels to search.

import type { ModelInfo } from 'xception-web';
import { element } from './dom.js';
import { finder } from './words.js';

/** Labels that stand for the others. */
const EXAMPLES = 5;

const search = element<HTMLInputElement>('label-search');
const count = element('label-count');
const list = element('labels');
const everything = element<HTMLDetailsElement>('all-labels');

let labels: string[] = [];

export function showKnowledge(model: ModelInfo): void {
  ({ labels } = model);
  element('knows').textContent = knowledge(model);
  element('labels-title').textContent = `All its ${labels.length} labels`;
  element('see-labels').hidden = false;
  search.value = '';
  showFound();
}

/** Made from what the model says of itself: its title and its labels. */
function knowledge({ title, labels }: ModelInfo): string {
  // From all over the list: what stands side by side is often alike.
  const shown = Math.min(EXAMPLES, labels.length);
  const examples = Array.from(
    { length: shown },
    (_, i) => labels[Math.floor((i * labels.length) / shown)],
  );
  const more = labels.length > shown ? ', …' : '';
  return `Knows ${labels.length} ${kindOf(title)}: ${examples.join(', ')}${more}`;
}

/** What this project's titles say: “Photographs of 200 everyday things”, “Things as drawn, 150 classes”. */
function kindOf(title = ''): string {
  const kind = title.replace(/, \d+ classes$/, '');
  const small = kind.charAt(0).toLowerCase() + kind.slice(1);
  const [, shape, things] = small.match(/^(.+) of \d+ (.+)$/) ?? [];
  if (things) return `${things} in ${shape}`;
  if (/\bthings\b/.test(small)) return small;
  return kind ? `things (${kind})` : 'things';
}

function showFound(): void {
  const found = labels.filter(finder(search.value));
  list.replaceChildren(
    ...found.map((label) => {
      const item = document.createElement('li');
      item.textContent = label;
      return item;
    }),
  );
  list.hidden = found.length === 0;
  count.textContent =
    found.length === labels.length
      ? `${labels.length} labels`
      : found.length === 0
        ? `None of its ${labels.length} labels holds “${search.value.trim()}”.`
        : `${found.length} of ${labels.length} labels`;
}

search.addEventListener('input', showFound);
element('see-labels').addEventListener('click', () => {
  everything.open = true;
  search.focus();
});
