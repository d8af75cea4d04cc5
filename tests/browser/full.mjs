// A timm file of the full Xception: its names and shapes, with numbers that mean nothing.

const NORM = ['weight', 'bias', 'running_mean', 'running_var'];

function shapes(classes) {
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
  add('conv1.weight', 32, 3, 3, 3);
  norm('bn1', 32);
  add('conv2.weight', 64, 32, 3, 3);
  norm('bn2', 64);
  block(1, 64, [128, 128], 0);
  block(2, 128, [256, 256], 1);
  block(3, 256, [728, 728], 1);
  for (let number = 4; number < 12; number++) block(number, 728, [728, 728, 728], 1);
  block(12, 728, [728, 1024], 1);
  separable('conv3', 1024, 1536);
  norm('bn3', 1536);
  separable('conv4', 1536, 2048);
  norm('bn4', 2048);
  add('fc.weight', classes, 2048);
  add('fc.bias', classes);
  return found;
}

/** About 91.6 MB for 1000 classes. */
export function fullXception(classes) {
  const header = {};
  const numbers = [];
  let end = 0;
  for (const [name, shape] of shapes(classes)) {
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
