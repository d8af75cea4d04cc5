// What <xception-classifier> shows: its parts, their looks, and texts that a page may replace. No markup
// is parsed and no style is inline, so that strict policies allow it.

const STYLE = `
  :host { display: block; font: inherit; max-inline-size: 30rem; }
  :host([hidden]), [hidden] { display: none; }
  [part=controls] { display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: center; }
  button, input { font: inherit; max-inline-size: 100%; min-block-size: 2.75rem; }
  img, video { display: block; max-inline-size: 100%; max-block-size: 20rem; margin-block: 0.5rem; }
  [part=status] { min-block-size: 1.5em; margin-block: 0.5rem; }
  ol { list-style: none; margin: 0; padding: 0; }
  li { display: grid; grid-template-columns: 1fr auto; gap: 0 0.5rem; margin-block: 0.25rem; }
  [part=bar] { grid-column: 1 / -1; inline-size: 100%; block-size: 0.5rem; }
`;

/** Texts in English; an element in the slot of the same name replaces each. */
const TEXTS = {
  choose: 'Choose a picture',
  camera: 'Camera',
  loading: 'Loading …',
  unknown: 'Nothing I know; perhaps',
};

/** Builds the inside of an element. */
export function make(host: HTMLElement) {
  const root = host.attachShadow({ mode: 'open' });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet];

  const slots = new Map(Object.entries(TEXTS).map(([name, text]) => [name, slot(name, text)]));
  const input = element('input', 'input', { type: 'file', accept: 'image/*' });
  const label = element('label', 'choose', {}, slots.get('choose')!, ' ', input);
  const camera = element('button', 'camera', { type: 'button' }, slots.get('camera')!);
  const controls = element('div', 'controls', {}, label, camera);
  const image = element('img', 'picture', { alt: '' });
  const video = element('video', 'video', { 'aria-hidden': 'true' });
  const status = element('p', 'status', { role: 'status' });
  const predictions = element('ol', 'predictions', {});
  // Where a page's texts for the status are kept, which are shown when they apply.
  const kept = element(
    'div',
    'texts',
    { hidden: '' },
    slots.get('loading')!,
    slots.get('unknown')!,
  );
  root.append(controls, image, video, status, predictions, kept);

  /** The page's text of this name, or the English one. */
  const texts = (name: string): string => {
    const given = slots.get(name)?.assignedElements()[0];
    return given?.textContent ?? (TEXTS as Record<string, string>)[name] ?? '';
  };
  /** One prediction. */
  const row = (label: string, score: number, percent: string): HTMLElement => {
    const bar = element('progress', 'bar', {
      max: '1',
      value: String(score),
      'aria-hidden': 'true',
    });
    const name = element('span', 'label', {}, label);
    return element('li', 'prediction', {}, name, element('span', 'score', {}, percent), bar);
  };
  return { camera, image, input, predictions, row, status, texts, video };
}

function slot(name: string, text: string): HTMLSlotElement {
  const made = document.createElement('slot');
  made.name = name;
  made.append(text);
  return made;
}

function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  part: string,
  attributes: Record<string, string>,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  made.setAttribute('part', part);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
