// timm files of the full Xception and of a small one: names and shapes, with numbers that mean nothing.

const NORM = ['weight', 'bias', 'running_mean', 'running_var'];

/** Output channels, as in `src/model/config.rs`. */
const FULL = {
  stem: [32, 64],
  entry: [128, 256, 728],
  middle: 8,
  exit: [728, 1024],
  tail: [1536, 2048],
};
const MINI = {
  stem: [16, 24],
  entry: [48, 96, 192],
  middle: 3,
  exit: [192, 256],
  tail: [384, 512],
};

function shapes({ stem, entry, middle, exit, tail }, classes) {
  const found = [];
  const add = (name, ...shape) => found.push([name, shape]);
  const norm = (name, size) => NORM.forEach((part) => add(`${name}.${part}`, size));
  const separable = (name, from, to) => {
    add(`${name}.conv1.weight`, from, 1, 3, 3);
    add(`${name}.pointwise.weight`, to, from, 1, 1);
  };
  const block = (number, from, sizes, first) => {
    let size = from;
    for (const [i, to] of sizes.entries()) {
      separable(`block${number}.rep.${first + 3 * i}`, size, to);
      norm(`block${number}.rep.${first + 3 * i + 1}`, to);
      size = to;
    }
    if (sizes.length === 3) return;
    add(`block${number}.skip.weight`, size, from, 1, 1);
    norm(`block${number}.skipbn`, size);
  };
  let size = 3;
  let number = 1;
  for (const [i, to] of stem.entries()) {
    add(`conv${i + 1}.weight`, to, size, 3, 3);
    norm(`bn${i + 1}`, (size = to));
  }
  for (const to of entry) {
    block(number, size, [to, to], number > 1 ? 1 : 0);
    size = to;
    number++;
  }
  for (let i = 0; i < middle; i++) block(number++, size, [size, size, size], 1);
  block(number, size, exit, 1);
  size = exit.at(-1);
  for (const [i, to] of tail.entries()) {
    separable(`conv${i + 3}`, size, to);
    norm(`bn${i + 3}`, (size = to));
  }
  add('fc.weight', classes, size);
  add('fc.bias', classes);
  return found;
}

/** About 91.6 MB for 1000 classes. */
export const fullXception = (classes) => timmFile(shapes(FULL, classes));

/** About 5 MB for 1000 classes. */
export const miniXception = (classes) => timmFile(shapes(MINI, classes));

function timmFile(shapes) {
  const header = {};
  const numbers = [];
  let end = 0;
  for (const [name, shape] of shapes) {
    const count = shape.reduce((all, side) => all * side, 1);
    header[name] = { dtype: 'F32', shape, data_offsets: [end, (end += 4 * count)] };
    const plain = /running_var|bn\d?\.weight|rep\.\d\.weight$/.test(name) ? 1 : undefined;
    const spread = 1 / Math.sqrt(count / shape[0]);
    // Any numbers between -spread and spread: a linear congruential generator's.
    let state = count;
    numbers.push(
      Float32Array.from({ length: count }, () => {
        state = (Math.imul(state, 1664525) + 1013904223) | 0;
        return plain ?? (state / 2 ** 31) * spread;
      }),
    );
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...numbers.map(({ buffer }) => Buffer.from(buffer))]);
}
